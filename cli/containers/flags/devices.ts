/** --device and --device-cgroup-rule. */
import { posix } from 'node:path'
import type { Flags } from '../../support/flags.ts'
import type { DeviceRequest } from '../request.ts'
import { bad, line } from './bad.ts'

export const DEVICE_FLAGS = {
  device: { type: 'list', value: 'PATH[:TARGET][:rwm]', help: 'a device of the machine, or all in a folder below /dev' },
  'device-cgroup-rule': { type: 'list', value: 'RULE', help: "let it use devices by number: 'c 42:* rmw'" },
} as const satisfies Flags

const isAccess = (text: string): boolean => /^[rwm]{1,3}$/.test(text) && new Set(text).size === text.length

/** Container Device Interface: `vendor.com/class=name`. */
const isCdi = (text: string): boolean => /^[a-zA-Z][\w.-]*\/[\w.-]+=[\w.:-]+$/.test(text)

const path = (whole: string, text: string): string => {
  if (!text.startsWith('/')) throw bad('device', whole, `has ${JSON.stringify(text)} for a path: absolute ones are wanted, as /dev/fuse`)
  const clean = posix.normalize(text).replace(/(.)\/+$/, '$1')
  if (clean === '/') throw bad('device', whole, 'is the root of a file system: a device is wanted, as /dev/fuse')
  return clean
}

export const readDevice = (text: string): DeviceRequest => {
  line('device', text)
  if (isCdi(text))
    throw bad(
      'device',
      text,
      'is a name of the Container Device Interface, which is not supported: name the devices that it stands for, as /dev/dri',
    )
  const [source = '', second, third, ...more] = text.split(':')
  if (more.length > 0) throw bad('device', text, 'is not of the form PATH[:TARGET][:rwm]')
  const from = path(text, source)
  if (third !== undefined || (second !== undefined && !isAccess(second))) {
    const access = third ?? 'rwm'
    if (!isAccess(access)) throw bad('device', text, `has ${JSON.stringify(access)} for the access: letters of rwm are wanted`)
    return { source: from, target: path(text, second!), access }
  }
  return { source: from, target: from, access: second ?? 'rwm' }
}

/** As the device cgroup has it, cgroup-v1 devices.rst. */
export const readDeviceRule = (text: string): string => {
  if (!/^[acb] (?:\d{1,7}|\*):(?:\d{1,7}|\*) [rwm]{1,3}$/.test(text) || !isAccess(text.slice(text.lastIndexOf(' ') + 1)))
    throw bad(
      'device-cgroup-rule',
      text,
      "is not of the form 'TYPE MAJOR:MINOR ACCESS', as 'c 42:* rmw': type a, b or c, numbers or *, letters of rwm",
    )
  if (text.startsWith('a ') && !text.startsWith('a *:* '))
    throw bad('device-cgroup-rule', text, 'has type a, which is all devices: *:* goes with it')
  return text
}
