/** Limits as properties of a unit: systemd.resource-control(5). What systemd cannot express is set in the cgroup only. */
import { tryReadCgroupFile } from '../file.ts'
import type { Write } from '../writes.ts'
import type { Property, Variant } from './wire.ts'

/** The first versions of systemd that know a property, its NEWS file. */
const SINCE = { CPUQuotaPeriodUSec: 242, AllowedCPUs: 244, idle: 252 }

const INFINITY = 2n ** 64n - 1n

/** Microseconds: the kernel's default. */
const PERIOD = 100_000n

const uint64 = (value: bigint): Variant => ({ signature: 't', value })
const limit = (text: string): Variant => uint64(text === 'max' || text.startsWith('-') ? INFINITY : BigInt(text))

/** Files whose content is a number of bytes or tasks. */
const LIMITS: Readonly<Record<string, string>> = {
  'memory.max': 'MemoryMax',
  'memory.high': 'MemoryHigh',
  'memory.low': 'MemoryLow',
  'memory.min': 'MemoryMin',
  'memory.swap.max': 'MemorySwapMax',
  'memory.limit_in_bytes': 'MemoryLimit',
  'cpu.shares': 'CPUShares',
  'blkio.weight': 'BlockIOWeight',
  'pids.max': 'TasksMax',
}

/** A list as in cpuset(7) as a mask, the lowest number in the lowest bit of the first byte. Undefined for what is no list. */
export const cpuMask = (list: string): Uint8Array | undefined => {
  const mask: number[] = []
  for (const range of list.split(',').map((part) => part.trim())) {
    if (range === '') continue
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(range) ?? []
    if (first === undefined || Number(last) < Number(first)) return undefined
    for (let i = Number(first); i <= Number(last); i++) mask[i >> 3] = (mask[i >> 3] ?? 0) | (1 << (i & 7))
  }
  return mask.length === 0 ? undefined : Uint8Array.from(mask, (byte) => byte ?? 0)
}

interface Bandwidth {
  /** Below 0: no limit. Microseconds. */
  readonly quota: bigint
  /** Undefined: the default. */
  readonly period: bigint | undefined
}

const parseQuota = (text: string | undefined): bigint => (text === undefined || text === 'max' || text === '' ? -1n : BigInt(text))

/** What the writes and, where they set a part only, the cgroup say about the bandwidth limit. Undefined: no word about it. */
const bandwidth = (writes: readonly Write[]): Bandwidth | undefined => {
  const last = (file: string) => writes.findLast((write) => write.file === file)
  const max = last('cpu.max')
  if (max !== undefined) {
    const [quota, period] = max.value.trim().split(/\s+/)
    const current = period ?? tryReadCgroupFile(max.dir, 'cpu.max')?.trim().split(' ')[1]
    return { quota: parseQuota(quota), period: current === undefined ? undefined : BigInt(current) }
  }
  const quota = last('cpu.cfs_quota_us')
  const period = last('cpu.cfs_period_us')
  const dir = (quota ?? period)?.dir
  if (dir === undefined) return undefined
  const current = period?.value ?? tryReadCgroupFile(dir, 'cpu.cfs_period_us')?.trim()
  return {
    quota: parseQuota(quota?.value ?? tryReadCgroupFile(dir, 'cpu.cfs_quota_us')?.trim()),
    period: current === undefined ? undefined : BigInt(current),
  }
}

/** systemd counts in whole percents of a CPU, rounded up: 10 ms a second. */
const perSecond = ({ quota, period = PERIOD }: Bandwidth): bigint => {
  const exact = (quota * 1_000_000n) / period
  return ((exact + 9_999n) / 10_000n) * 10_000n
}

/**
 * The writes with the quota that systemd is going to set, since it and the cgroup must agree, and with the period as it is:
 * systemd sets the default where there is no quota.
 */
export const settleBandwidth = (writes: readonly Write[]): readonly Write[] => {
  const limits = bandwidth(writes)
  if (limits === undefined || limits.period === 0n) return writes
  const { period } = limits
  const quota = limits.quota > 0n ? (perSecond(limits) * (period ?? PERIOD)) / 1_000_000n : limits.quota
  const settled = writes.map((write) => {
    if (write.file === 'cpu.cfs_quota_us') return { ...write, value: String(quota) }
    if (write.file !== 'cpu.max') return write
    return { ...write, value: `${quota > 0n ? quota : 'max'}${period === undefined ? '' : ` ${period}`}` }
  })
  const v1 = writes.find(({ file }) => file === 'cpu.cfs_quota_us')
  if (v1 === undefined || period === undefined || writes.some(({ file }) => file === 'cpu.cfs_period_us')) return settled
  return [...settled, { ...v1, file: 'cpu.cfs_period_us', value: String(period) }]
}

/** The properties that say what the writes do; the last write of a file counts. `version` is systemd's. */
export const unitProperties = (writes: readonly Write[], version: number): readonly Property[] => {
  const properties = new Map<string, Variant>()
  for (const write of writes) {
    // systemd knows the weights of io.weight only.
    const { file, value } = write.file === 'io.bfq.weight' ? (write.otherwise ?? write) : write
    const text = value.trim()
    const name = LIMITS[file]
    if (name !== undefined && /^(max|-?\d+)$/.test(text)) properties.set(name, limit(text))
    else if (file === 'cpuset.cpus' || file === 'cpuset.mems') {
      const mask = cpuMask(text)
      if (mask !== undefined && version >= SINCE.AllowedCPUs)
        properties.set(file === 'cpuset.cpus' ? 'AllowedCPUs' : 'AllowedMemoryNodes', { signature: 'ay', value: mask })
    } else if (file === 'io.weight') {
      const weight = /^(?:default )?(\d+)$/.exec(text)?.[1]
      if (weight !== undefined) properties.set('IOWeight', uint64(BigInt(weight)))
    } else if (file === 'cpu.weight' && /^\d+$/.test(text)) properties.set('CPUWeight', uint64(BigInt(text)))
    // A weight of 0 is how systemd says idle; there is no way to take it back but another weight.
    else if (file === 'cpu.idle' && text === '1' && version >= SINCE.idle) properties.set('CPUWeight', uint64(0n))
  }
  const limits = bandwidth(writes)
  if (limits !== undefined) {
    if (limits.period !== undefined && version >= SINCE.CPUQuotaPeriodUSec) properties.set('CPUQuotaPeriodUSec', uint64(limits.period))
    properties.set('CPUQuotaPerSecUSec', uint64(limits.quota > 0n && limits.period !== 0n ? perSecond(limits) : INFINITY))
  }
  return [...properties]
}

/** The writes without a weight beside idle, which systemd has one property for. */
export const withoutIdleWeight = (writes: readonly Write[], warn: (message: string) => void): readonly Write[] => {
  const idle = writes.some(({ file, value }) => file === 'cpu.idle' && value.trim() === '1')
  if (!idle || !writes.some(({ file }) => file === 'cpu.weight')) return writes
  warn('unable to apply both cpu.idle and cpu.weight to systemd: the weight is ignored')
  return writes.filter(({ file }) => file !== 'cpu.weight')
}
