/** Mappings of ids as flags write them: --uidmap, --gidmap, and the option idmap of mounts. user_namespaces(7). */
import { InvalidField } from '../../../runtime/errors.ts'
import { idMappings, isMapped } from '../../../runtime/spec/parse-mappings.ts'
import type { LinuxIDMapping } from '../../../runtime/spec/types.ts'
import { bad, shown } from './bad.ts'
import { UsageError } from '../../support/parse.ts'

const numbers = (parts: readonly string[]): LinuxIDMapping | undefined => {
  const [containerID, hostID, size = '1'] = parts
  if (parts.length < 2 || parts.length > 3 || !parts.every((part) => /^\d{1,10}$/.test(part))) return undefined
  return { containerID: Number(containerID), hostID: Number(hostID), size: Number(size) }
}

/** Ranges and overlaps, in the words of the flag. */
const checked = (flag: string, mappings: readonly LinuxIDMapping[]): readonly LinuxIDMapping[] => {
  try {
    return idMappings(mappings, flag)
  } catch (error) {
    if (error instanceof InvalidField) throw new UsageError(`--${error.message}`)
    throw error
  }
}

/** `CONTAINER:HOST[:SIZE]` each. */
export const readMappings = (flag: 'uidmap' | 'gidmap', values: readonly string[]): readonly LinuxIDMapping[] => {
  const mappings = checked(
    flag,
    values.map((text) => {
      const mapping = numbers(text.split(':'))
      if (mapping === undefined) throw bad(flag, text, 'is not of the form CONTAINER:HOST[:SIZE], ids in decimal')
      return mapping
    }),
  )
  if (!isMapped(0, mappings))
    throw new UsageError(`--${flag}: ${values.map(shown).join(' ')} maps no id to root of the container: one must begin at 0`)
  return mappings
}

/** podman's `uids=CONTAINER-HOST-SIZE#…;gids=…`. */
export const readIdmap = (
  flag: string,
  text: string,
): { readonly uid: readonly LinuxIDMapping[]; readonly gid: readonly LinuxIDMapping[] } => {
  const wrong = (): UsageError =>
    bad(flag, `idmap=${text}`, 'is not of the form idmap=uids=CONTAINER-HOST-SIZE[#…];gids=CONTAINER-HOST-SIZE[#…]')
  const found = new Map<string, readonly LinuxIDMapping[]>()
  for (const part of text.split(';')) {
    const [, kind, list] = /^(uids|gids)=(.+)$/.exec(part) ?? []
    if (kind === undefined || list === undefined || found.has(kind)) throw wrong()
    found.set(
      kind,
      checked(
        flag,
        list.split('#').map((extent) => {
          const mapping = numbers(extent.split('-'))
          if (mapping === undefined) throw wrong()
          return mapping
        }),
      ),
    )
  }
  const [uid, gid] = [found.get('uids'), found.get('gids')]
  if (uid === undefined || gid === undefined) throw wrong()
  return { uid, gid }
}
