/** The device rules of a container's cgroup, in whichever generation it is. */
import { readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import type { LinuxDeviceCgroup } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { DEFAULT_DEVICES, type DeviceRules, deviceRules } from './devices/rules.ts'
import { setDevicesV1 } from './devices/v1.ts'
import { setDevicesV2 } from './devices/v2.ts'
import type { CgroupRecord } from './types.ts'

/** The rules of the config and, after them, what every container may use. */
export const containerDeviceRules = (devices: readonly LinuxDeviceCgroup[] | undefined): DeviceRules =>
  deviceRules([...(devices ?? []), ...DEFAULT_DEVICES])

const inUserNamespace = (): boolean => !/^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'latin1'))

/**
 * Sets the rules. Refusals are tolerated for callers that have no power over devices (rootless, or in a user namespace): such
 * containers can make and open no device that their user could not.
 */
export const setDevices = (record: CgroupRecord, rules: DeviceRules): void => {
  const unprivileged = (): boolean => record.rootless || inUserNamespace()
  const { devices: v1, '': unified } = record.paths
  try {
    if (v1 !== undefined) setDevicesV1(v1, rules)
    else if (unified !== undefined) setDevicesV2(unified, rules)
    else if (!unprivileged())
      throw new WherryError(
        'unsupported',
        'linux.resources.devices: this machine has no cgroup hierarchy that limits devices: mount the devices controller',
      )
  } catch (error) {
    if (!isErrno(error, 'EPERM', 'EACCES', 'EROFS', 'ENOSYS') || !unprivileged()) throw error
  }
}
