/** runtime-spec 1.2, config-linux.md "Devices" and "Allowed Device list". */
import { InvalidField } from '../errors.ts'
import {
  absolutePath,
  boolean,
  climbs,
  id,
  integer,
  join,
  object,
  oneOf,
  optional,
  type Parse,
  required,
  show,
  uint32,
  wrong,
} from './field.ts'
import type { LinuxDevice, LinuxDeviceCgroup } from './types.ts'

/** dev_t of the kernel has 12 bits for the major number and 20 for the minor: makedev(3), MINORBITS. */
const major = integer(0, 0xfff)
const minor = integer(0, 0xf_ffff)

const type = oneOf(['c', 'u', 'b', 'p'])

export const device: Parse<LinuxDevice> = (value, path) => {
  const from = object(value, path)
  const kind = required(from, path, 'type', type)
  const file = required(from, path, 'path', absolutePath)
  if (climbs(file) || file.endsWith('/')) throw wrong(join(path, 'path'), 'the absolute path of a file, without ..', file)
  const fileMode = optional(from, path, 'fileMode', uint32)
  const numbers =
    kind === 'p' ? { major: 0, minor: 0 } : { major: required(from, path, 'major', major), minor: required(from, path, 'minor', minor) }
  return {
    type: kind === 'u' ? 'c' : kind,
    path: file,
    ...numbers,
    // Some engines leave the bits of the file type in.
    fileMode: fileMode === undefined ? undefined : fileMode & 0o7777,
    uid: optional(from, path, 'uid', id),
    gid: optional(from, path, 'gid', id),
  }
}

const ruleType = oneOf(['a', 'b', 'c'])
/** Rules may name numbers that no device has: -1 stands for all. */
const ruleNumber = integer(-1, 0xffff_ffff)

/** Letters that mean nothing are passed over: what is left never permits, nor forbids, more than was written. */
const access =
  (warn: (message: string) => void): Parse<string> =>
  (value, path) => {
    const allowed = 'one or more of the letters r, w and m'
    if (typeof value !== 'string') throw wrong(path, allowed, value)
    const known = [...'rwm'].filter((letter) => value.includes(letter)).join('')
    if (known === '') throw wrong(path, allowed, value)
    if (/[^rwm]/.test(value)) warn(`${path}: taking ${show(value)} for ${show(known)}`)
    return known
  }

const any = (number: number | undefined): number | undefined => (number === -1 ? undefined : number)

export const deviceRule =
  (warn: (message: string) => void): Parse<LinuxDeviceCgroup> =>
  (value, path) => {
    const from = object(value, path)
    const parsed = {
      allow: optional(from, path, 'allow', boolean) ?? false,
      type: optional(from, path, 'type', ruleType),
      major: any(optional(from, path, 'major', ruleNumber)),
      minor: any(optional(from, path, 'minor', ruleNumber)),
      access: required(from, path, 'access', access(warn)),
    }
    if ((parsed.type ?? 'a') === 'a' && (parsed.major ?? parsed.minor) !== undefined)
      throw new InvalidField(join(path, 'type'), `must be b or c where major or minor is given, is ${show(from['type'])}`)
    return parsed
  }
