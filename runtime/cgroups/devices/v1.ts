/** The devices controller of cgroup v1: Documentation/admin-guide/cgroup-v1/devices.rst. */
import { WherryError } from '../../errors.ts'
import { readCgroupFile, writeCgroupFile } from '../file.ts'
import { type DeviceException, type DeviceRules, exceptionKey, exceptionText, parseDevicesList, sameRules } from './rules.ts'

export interface Transition {
  readonly file: 'devices.allow' | 'devices.deny'
  readonly rules: readonly string[]
}

/** What `exceptions` have and `others` do not, bit by bit. */
const without = (exceptions: readonly DeviceException[], others: readonly DeviceException[]): readonly DeviceException[] => {
  const access = new Map(others.map((other) => [exceptionKey(other), other.access]))
  return exceptions
    .map((exception) => ({ ...exception, access: exception.access & ~(access.get(exceptionKey(exception)) ?? 0) }))
    .filter((exception) => exception.access !== 0)
}

/**
 * The least writes from one state to the other. Between two allow-lists no device is denied in passing that both have. Where the
 * present exceptions are unknown (allowed by default) or the default changes, all starts anew from the default.
 */
export const deviceTransition = (from: DeviceRules, to: DeviceRules): readonly Transition[] => {
  const except = to.allowByDefault ? 'devices.deny' : 'devices.allow'
  const withdraw = to.allowByDefault ? 'devices.allow' : 'devices.deny'
  const anew = from.allowByDefault || to.allowByDefault
  const present = anew ? [] : from.exceptions
  const transitions: readonly Transition[] = [
    { file: withdraw, rules: anew ? ['a'] : [] },
    { file: except, rules: without(to.exceptions, present).map(exceptionText) },
    { file: withdraw, rules: without(present, to.exceptions).map(exceptionText) },
  ]
  return transitions.filter(({ rules }) => rules.length > 0)
}

const transit = (dir: string, from: DeviceRules, to: DeviceRules): void => {
  for (const { file, rules } of deviceTransition(from, to)) writeCgroupFile(dir, file, rules, { during: 'linux.resources.devices' })
  // The kernel ignores some rules without an error; this one is for security.
  const result = parseDevicesList(readCgroupFile(dir, 'devices.list'))
  const expected = to.allowByDefault ? { ...to, exceptions: [] } : to
  if (!sameRules(result, expected))
    throw new WherryError('internal', `linux.resources.devices: ${dir}/devices.list is not what was written to it`)
}

/** Makes the rules those of the cgroup. When that fails an allow-list is brought back, as far as the kernel lets. */
export const setDevicesV1 = (dir: string, rules: DeviceRules): void => {
  const current = parseDevicesList(readCgroupFile(dir, 'devices.list'))
  try {
    transit(dir, current, rules)
  } catch (error) {
    if (!current.allowByDefault) {
      try {
        transit(dir, parseDevicesList(readCgroupFile(dir, 'devices.list')), current)
      } catch (second) {
        if (error instanceof Error) error.message += `; the rules of before could not be brought back: ${second}`
      }
    }
    throw error
  }
}
