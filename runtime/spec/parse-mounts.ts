/** runtime-spec 1.2, config.md "Mounts". */
import { InvalidField } from '../errors.ts'
import { MS_BIND, MS_REMOUNT } from '../sys/abi/mount.ts'
import { inBundle, join, list, nonEmpty, object, optional, type Parse, required, show, text } from './field.ts'
import { isFilesystemOption, parseMountOptions } from './mount-options.ts'
import { idMappings } from './parse-mappings.ts'
import type { Mount } from './types.ts'

const options = list(nonEmpty)

/** The kernel ignores file system options of a bind mount, so that the user would believe in something that is not. */
const checkBind = (mount: Mount, path: string): void => {
  if (mount.source === undefined) throw new InvalidField(join(path, 'source'), 'must be a path for a bind mount, is missing')
  const index = mount.options?.findIndex(isFilesystemOption) ?? -1
  if (index !== -1)
    throw new InvalidField(
      `${path}.options[${index}]`,
      `is ${show(mount.options?.[index])}: bind mounts cannot have any filesystem-specific options applied`,
    )
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
    if (bind) checkBind(parsed, path)
    else checkType(parsed, path, (flags & MS_REMOUNT) !== 0)
    checkIdMapping(parsed, path, bind, idmap)
    return bind && parsed.source !== undefined ? { ...parsed, source: inBundle(bundle, parsed.source) } : parsed
  }
