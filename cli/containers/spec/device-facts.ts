/** Devices of the machine: those of --device and of privileged containers, and those whose use is limited. */
import { type Stats, statSync } from 'node:fs'
import {
  type DeviceFact,
  deviceFact,
  type DeviceNumber,
  devicesBelow,
  machineDevices,
  numberOf,
} from '../../../runtime/container/host-devices.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerRequest, DeviceRequest, ResourceRequest } from '../request.ts'

const statOf = (path: string): Stats => {
  try {
    return statSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new WherryError('not-found', `--device: ${path} does not exist on this machine`, { cause: error })
    throw error
  }
}

const wanted = ({ source, target, access }: DeviceRequest): readonly DeviceFact[] => {
  const stat = statOf(source)
  if (stat.isDirectory()) {
    const found = devicesBelow(source, target, access)
    if (found.length > 0) return found
    throw new WherryError('invalid-argument', `--device: there are no devices in the folder ${source}`)
  }
  const found = deviceFact(stat, source, target, access)
  if (found === undefined) throw new WherryError('invalid-argument', `--device: ${source} is no device: use --volume for files and folders`)
  return [found]
}

/** Of a path that is given twice the last counts. */
export const deviceFacts = ({ devices, security }: Pick<ContainerRequest, 'devices' | 'security'>): readonly DeviceFact[] => {
  const all = [...(security.privileged ? machineDevices() : []), ...devices.flatMap(wanted)]
  return [...new Map(all.map((device) => [device.path, device] as const)).values()]
}

/** By path, of those that limits name. Throws `not-found`, `invalid-argument`. */
export const blockDevicesOf = (resources: ResourceRequest): ReadonlyMap<string, DeviceNumber> => {
  const { blkioWeightDevice, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops } = resources
  const paths = [blkioWeightDevice, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops].flatMap((list) =>
    (list ?? []).map(({ path }) => path),
  )
  return new Map(
    paths.map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat === undefined) throw new WherryError('not-found', `${path}: there is no such device on this machine`)
      if (!stat.isBlockDevice()) throw new WherryError('invalid-argument', `${path}: is no block device, whose use could be limited`)
      return [path, numberOf(stat)] as const
    }),
  )
}
