/** runtime-spec 1.2, config-linux.md "Block IO". */
import { InvalidField } from '../errors.ts'
import { integer, type JsonObject, list, object, optional, type Parse, required, uint16, uint64, wrong } from './field.ts'
import type { LinuxBlockIO, LinuxBlockIODevice, LinuxThrottleDevice, LinuxWeightDevice } from './types.ts'

/** 0 leaves the weight of a cgroup alone, and takes that of a device away. */
const weight = (value: unknown, path: string): number => {
  const parsed = uint16(value, path)
  if (parsed !== 0 && (parsed < 10 || parsed > 1000)) throw wrong(path, 'from 10 to 1000', parsed)
  return parsed
}

const number = integer(0, 0xffff_ffff)

const device = (from: JsonObject, path: string): LinuxBlockIODevice => ({
  major: required(from, path, 'major', number),
  minor: required(from, path, 'minor', number),
})

const weightDevice: Parse<LinuxWeightDevice> = (value, path) => {
  const from = object(value, path)
  const parsed = {
    ...device(from, path),
    weight: optional(from, path, 'weight', weight),
    leafWeight: optional(from, path, 'leafWeight', weight),
  }
  if (parsed.weight === undefined && parsed.leafWeight === undefined) throw new InvalidField(path, 'must have weight or leafWeight')
  return parsed
}

const throttleDevice: Parse<LinuxThrottleDevice> = (value, path) => {
  const from = object(value, path)
  return { ...device(from, path), rate: required(from, path, 'rate', uint64) }
}

const throttleDevices = list(throttleDevice)

export const blockIO: Parse<LinuxBlockIO> = (value, path) => {
  const from = object(value, path)
  return {
    weight: optional(from, path, 'weight', weight) || undefined,
    leafWeight: optional(from, path, 'leafWeight', weight) || undefined,
    weightDevice: optional(from, path, 'weightDevice', list(weightDevice)),
    throttleReadBpsDevice: optional(from, path, 'throttleReadBpsDevice', throttleDevices),
    throttleWriteBpsDevice: optional(from, path, 'throttleWriteBpsDevice', throttleDevices),
    throttleReadIOPSDevice: optional(from, path, 'throttleReadIOPSDevice', throttleDevices),
    throttleWriteIOPSDevice: optional(from, path, 'throttleWriteIOPSDevice', throttleDevices),
  }
}
