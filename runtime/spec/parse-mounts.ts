/** runtime-spec 1.2, config.md "Mounts". */
import { InvalidField } from '../errors.ts'
import { MS_BIND, MS_REMOUNT } from '../sys/abi/mount.ts'
import { inBundle, join, list, nonEmpty, object, optional, type Parse, required, show, text } from './field.ts'
import { isFilesystemOption, parseMountOptions } from './mount-options.ts'
import { idMappings } from './parse-mappings.ts'
import type { Mount } from './types.ts'

const options = list(nonEmpty)

/** As the kernel does, which knows only flags of a bind mount: ignores what is meant for a file system. */
const bindOptions = (options: readonly string[], path: string, warn: (message: string) => void): readonly string[] => {
  const ignored = options.filter(isFilesystemOption)
  if (ignored.length === 0) return options
  warn(`${path}.options: ignoring ${ignored.map(show).join(', ')}: bind mounts have no file system options of their own`)
  return options.filter((option) => !isFilesystemOption(option))
}

const checkType = (mount: Mount, path: string, remount: boolean): void => {
  if (mount.type === 'bind')
    throw new InvalidField(join(path, 'options'), 'must have "bind" or "rbind": that is what makes a bind mount, not its type')
  if (mount.type === undefined && !remount)
    throw new InvalidField(join(path, 'type'), 'must be a file system type, unless options have "bind" or "rbind"')
}

const checkIdMapping = (mount: Mount, path: string, bind: boolean, idmap: string | undefined): void => {
  const { uidMappings, gidMappings } = mount
  if (!bind && (uidMappings ?? gidMappings ?? idmap) !== undefined)
    throw new InvalidField(path, 'id-mapped mounts are only supported for bind-mounts: options must have "bind" or "rbind"')
  for (const [key, one, other] of [
    ['uidMappings', uidMappings, gidMappings],
    ['gidMappings', gidMappings, uidMappings],
  ] as const)
    if (other !== undefined && (one === undefined || one.length === 0))
      throw new InvalidField(join(path, key), 'must have at least one entry: id-mapped mounts must have both uid and gid mappings')
}

/** Reads one of `mounts`; a relative source of a bind mount is one of `bundle`. */
export const mount =
  (bundle: string, warn: (message: string) => void): Parse<Mount> =>
  (value, path) => {
    const from = object(value, path)
    let destination = required(from, path, 'destination', nonEmpty)
    if (destination[0] !== '/') {
      warn(`${path}.destination: ${show(destination)} is not absolute, taken as relative to /: this is deprecated`)
      destination = `/${destination}`
    }
    const parsed: Mount = {
      destination,
      type: optional(from, path, 'type', text),
      source: optional(from, path, 'source', text),
      options: optional(from, path, 'options', options),
      uidMappings: optional(from, path, 'uidMappings', idMappings),
      gidMappings: optional(from, path, 'gidMappings', idMappings),
    }
    const { flags, idmap } = parseMountOptions(parsed.options ?? [])
    const bind = (flags & MS_BIND) !== 0
    checkIdMapping(parsed, path, bind, idmap)
    if (!bind) {
      checkType(parsed, path, (flags & MS_REMOUNT) !== 0)
      return parsed
    }
    if (parsed.source === undefined) throw new InvalidField(join(path, 'source'), 'must be a path for a bind mount, is missing')
    return { ...parsed, source: inBundle(bundle, parsed.source), options: bindOptions(parsed.options ?? [], path, warn) }
  }
