/** linux.resources.blockIO: Documentation/admin-guide/cgroup-v1/blkio-controller.rst; cgroup-v2.rst "IO"; block/bfq-iosched.rst. */
import type { LinuxBlockIO, LinuxThrottleDevice } from '../../spec/types.ts'
import { undoKeyed, type Write } from '../writes.ts'
import { type Context, homeOf } from './context.ts'

/** io.weight (1–10000) for a blkio weight (10–1000), linear; 0, "leave it alone", stays 0. */
export const ioWeight = (weight: number): number => (weight === 0 ? 0 : 1 + Math.floor(((weight - 10) * 9999) / 990))

/** Fields of blockIO, their v1 file and their key in io.max. */
const THROTTLES = [
  ['throttleReadBpsDevice', 'blkio.throttle.read_bps_device', 'rbps'],
  ['throttleWriteBpsDevice', 'blkio.throttle.write_bps_device', 'wbps'],
  ['throttleReadIOPSDevice', 'blkio.throttle.read_iops_device', 'riops'],
  ['throttleWriteIOPSDevice', 'blkio.throttle.write_iops_device', 'wiops'],
] as const

const throttles = (
  blockIO: LinuxBlockIO,
  write: (device: LinuxThrottleDevice, file: string, key: string, field: string) => Write,
): readonly Write[] =>
  THROTTLES.flatMap(([name, file, key]) => (blockIO[name] ?? []).map((device, i) => write(device, file, key, `blockIO.${name}[${i}]`)))

const v1 = (blockIO: LinuxBlockIO, dir: string): readonly Write[] => {
  // The names of the cfq scheduler, which Linux 5.0 dropped, or those of bfq.
  const weight = (suffix: string, value: string, field: string, undo?: (before: string) => string): Write => {
    const write = { dir, value, field, ...(undo === undefined ? {} : { undo }) }
    return { ...write, file: `blkio.weight${suffix}`, otherwise: { ...write, file: `blkio.bfq.weight${suffix}` } }
  }
  const writes: Write[] = []
  if (blockIO.weight) writes.push(weight('', String(blockIO.weight), 'blockIO.weight'))
  if (blockIO.leafWeight) writes.push({ dir, file: 'blkio.leaf_weight', value: String(blockIO.leafWeight), field: 'blockIO.leafWeight' })
  for (const [i, device] of (blockIO.weightDevice ?? []).entries()) {
    const key = `${device.major}:${device.minor}`
    const field = `blockIO.weightDevice[${i}]`
    if (device.weight) writes.push(weight('_device', `${key} ${device.weight}`, `${field}.weight`, undoKeyed(key, `${key} 0`)))
    if (device.leafWeight)
      writes.push({
        dir,
        file: 'blkio.leaf_weight_device',
        value: `${key} ${device.leafWeight}`,
        field: `${field}.leafWeight`,
        undo: undoKeyed(key, `${key} 0`),
      })
  }
  writes.push(
    ...throttles(blockIO, ({ major, minor, rate }, file, _, field) => {
      const key = `${major}:${minor}`
      return { dir, file, value: `${key} ${rate}`, field, undo: undoKeyed(key, `${key} 0`) }
    }),
  )
  return writes
}

const v2 = (blockIO: LinuxBlockIO, dir: string, { warn }: Context): readonly Write[] => {
  const writes: Write[] = []
  // bfq has the range of blkio, the scheduler's own weights another one.
  if (blockIO.weight) {
    const write = { dir, field: 'blockIO.weight', undo: undoKeyed('default', 'default 100') }
    const plain = { ...write, file: 'io.weight', value: `default ${ioWeight(blockIO.weight)}` }
    writes.push({ ...write, file: 'io.bfq.weight', value: `default ${blockIO.weight}`, otherwise: plain })
  }
  for (const [i, { major, minor, weight }] of (blockIO.weightDevice ?? []).entries()) {
    if (!weight) continue
    const key = `${major}:${minor}`
    const write = { dir, field: `blockIO.weightDevice[${i}].weight`, undo: undoKeyed(key, `${key} default`) }
    const plain = { ...write, file: 'io.weight', value: `${key} ${ioWeight(weight)}` }
    writes.push({ ...write, file: 'io.bfq.weight', value: `${key} ${weight}`, otherwise: plain })
  }
  writes.push(
    ...throttles(blockIO, ({ major, minor, rate }, _, name, field) => {
      const key = `${major}:${minor}`
      const value = `${key} ${name}=${rate === 0n ? 'max' : rate}`
      return { dir, file: 'io.max', value, field, undo: undoKeyed(key, `${key} rbps=max wbps=max riops=max wiops=max`) }
    }),
  )
  if (blockIO.leafWeight || blockIO.weightDevice?.some((device) => device.leafWeight))
    warn('linux.resources.blockIO: leaf weights have no effect: cgroup v2 has no such settings')
  return writes
}

export const ioWrites = (blockIO: LinuxBlockIO, context: Context): readonly Write[] => {
  const lists = [blockIO.weightDevice, ...THROTTLES.map(([name]) => blockIO[name])]
  if (!blockIO.weight && !blockIO.leafWeight && !lists.some((list) => list?.length)) return []
  const home = homeOf(context, 'io', 'blockIO')
  return home.version === 1 ? v1(blockIO, home.dir) : v2(blockIO, home.dir, context)
}
