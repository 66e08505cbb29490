/** linux.resources.devices, config-linux.md "Allowed Device list": an ordered list of rules, reduced to a default and exceptions to it. */
import { InvalidField } from '../../errors.ts'
import type { LinuxDeviceCgroup } from '../../spec/types.ts'
import { BPF_DEVCG_ACC_MKNOD, BPF_DEVCG_ACC_READ, BPF_DEVCG_ACC_WRITE } from '../../sys/abi/bpf.ts'

/** Any major or minor number. */
export const ALL = -1

export interface DeviceException {
  readonly type: 'b' | 'c'
  readonly major: number
  readonly minor: number
  /** Bits BPF_DEVCG_ACC_*, never 0. */
  readonly access: number
}

/**
 * What both generations can express. An access is excepted by default-deny if one exception allows all of its bits, by
 * default-allow if one exception has any of them. In the order of the list: callers read devices.list as they wrote it.
 */
export interface DeviceRules {
  readonly allowByDefault: boolean
  readonly exceptions: readonly DeviceException[]
}

const ACCESS: Readonly<Record<string, number>> = { r: BPF_DEVCG_ACC_READ, w: BPF_DEVCG_ACC_WRITE, m: BPF_DEVCG_ACC_MKNOD }

/** `rwm` for bits. */
export const accessText = (access: number): string =>
  Object.entries(ACCESS)
    .filter(([, bit]) => access & bit)
    .map(([letter]) => letter)
    .join('')

/** Bits for `rwm`; undefined for other letters and for none. */
export const parseAccess = (text: string): number | undefined => {
  const bits = [...text].map((letter) => ACCESS[letter])
  return bits.length === 0 || bits.includes(undefined) ? undefined : bits.reduce<number>((all, bit) => all | bit!, 0)
}

/** A rule as devices.allow takes it: `c 1:3 rwm`. */
export const exceptionText = ({ type, major, minor, access }: DeviceException): string =>
  `${type} ${major === ALL ? '*' : major}:${minor === ALL ? '*' : minor} ${accessText(access)}`

const device = (type: 'b' | 'c', major: number, minor: number, access = 'rwm'): LinuxDeviceCgroup => ({
  allow: true,
  type,
  major,
  minor,
  access,
})

/**
 * What every container may use, whatever its rules: config-linux.md "Default Devices" and pseudo terminals, the making of any
 * node, and /dev/net/tun, which callers of other runtimes count on. /dev/console is not in it: in a container it is a pseudo
 * terminal, and 5:1 would be the host's console.
 */
export const DEFAULT_DEVICES: readonly LinuxDeviceCgroup[] = [
  device('c', ALL, ALL, 'm'),
  device('b', ALL, ALL, 'm'),
  device('c', 1, 3),
  device('c', 1, 5),
  device('c', 1, 7),
  device('c', 1, 8),
  device('c', 1, 9),
  device('c', 5, 0),
  device('c', 5, 2),
  device('c', 136, ALL),
  device('c', 10, 200),
]

/** Builds up rules one by one. */
class Builder {
  allowByDefault = false
  readonly exceptions = new Map<string, DeviceException>()

  reset(allowByDefault: boolean): void {
    this.allowByDefault = allowByDefault
    this.exceptions.clear()
  }

  add(exception: DeviceException): void {
    const key = exceptionKey(exception)
    this.exceptions.set(key, { ...exception, access: exception.access | (this.exceptions.get(key)?.access ?? 0) })
  }

  /** Takes bits away; returns a wider exception that has some of them too and would still hold, if there is one. */
  remove(exception: DeviceException): DeviceException | undefined {
    const { type, major, minor, access } = exception
    for (const wider of [
      { type, major: ALL, minor },
      { type, major, minor: ALL },
      { type, major: ALL, minor: ALL },
    ]) {
      const other = this.exceptions.get(exceptionKey(wider))
      if ((wider.major !== major || wider.minor !== minor) && other !== undefined && other.access & access) return other
    }
    const key = exceptionKey(exception)
    const rest = (this.exceptions.get(key)?.access ?? 0) & ~access
    if (rest === 0) this.exceptions.delete(key)
    else this.exceptions.set(key, { ...exception, access: rest })
    return undefined
  }

  get rules(): DeviceRules {
    return { allowByDefault: this.allowByDefault, exceptions: [...this.exceptions.values()] }
  }
}

/** The same rules, whatever the order of their exceptions. */
export const sameRules = (one: DeviceRules, other: DeviceRules): boolean => {
  const texts = ({ exceptions }: DeviceRules) => exceptions.map(exceptionText).sort().join('\n')
  return one.allowByDefault === other.allowByDefault && texts(one) === texts(other)
}

/** What two exceptions have in common that differ in their access only. */
export const exceptionKey = ({ type, major, minor }: Omit<DeviceException, 'access'>): string => `${type} ${major}:${minor}`

/**
 * The rules that the list leads to, from deny-all on. Throws InvalidField, also for a rule that takes back a part of what a
 * wider one gave: cgroup v1 would ignore it without a word.
 */
export const deviceRules = (devices: readonly LinuxDeviceCgroup[]): DeviceRules => {
  const builder = new Builder()
  for (const [i, { allow, type = 'a', major = ALL, minor = ALL, access: letters }] of devices.entries()) {
    const field = `linux.resources.devices[${i}]`
    if (type === 'a') {
      builder.reset(allow)
      continue
    }
    const access = parseAccess(letters)
    if (access === undefined) throw new InvalidField(`${field}.access`, `${JSON.stringify(letters)} must be one or more letters of rwm`)
    const exception = { type, major, minor, access }
    if (allow !== builder.allowByDefault) builder.add(exception)
    else {
      const wider = builder.remove(exception)
      if (wider !== undefined)
        throw new InvalidField(
          field,
          `cannot ${allow ? 'allow' : 'deny'} "${exceptionText(exception)}" again, a part of "${exceptionText(wider)}": list the single devices instead`,
        )
    }
  }
  return builder.rules
}

/** The rules of a v1 cgroup by its devices.list. A cgroup that allows by default does not tell its exceptions. */
export const parseDevicesList = (list: string): DeviceRules => {
  const builder = new Builder()
  for (const line of list.split('\n')) {
    const [, type, major, minor, letters] = /^([abc]) (\*|\d+):(\*|\d+) ([rwm]+)$/.exec(line) ?? []
    if (type === 'a') builder.reset(true)
    else if (type === 'b' || type === 'c')
      builder.add({
        type,
        major: major === '*' ? ALL : Number(major),
        minor: minor === '*' ? ALL : Number(minor),
        access: parseAccess(letters ?? '') ?? 0,
      })
    else if (line !== '') throw new Error(`devices.list has a line of another kind: ${JSON.stringify(line)}`)
  }
  return builder.rules
}
