/** linux.resources.cpu: Documentation/scheduler/sched-bwc.rst, sched-rt-group.rst; cgroup-v2.rst "CPU". Times in microseconds. */
import { InvalidField } from '../../errors.ts'
import type { LinuxCPU } from '../../spec/types.ts'
import { tryReadCgroupFile } from '../file.ts'
import type { Write } from '../writes.ts'
import { type Context, homeOf } from './context.ts'

const SHARES = { min: 2, max: 262144 }

/**
 * cpu.weight for cpu.shares; 0, "leave it alone", stays 0. A curve through the least (2 → 1), the default (1024 → 100) and the
 * greatest (262144 → 10000) of both: the field's formula since 2025.
 */
export const weightOfShares = (shares: number): number => {
  if (shares === 0) return 0
  if (shares <= SHARES.min) return 1
  if (shares >= SHARES.max) return 10000
  const log = Math.log2(shares)
  return Math.ceil(10 ** ((log * log + 125 * log) / 612 - 7 / 34))
}

const v1 = (cpu: LinuxCPU, dir: string): readonly Write[] => {
  const writes: Write[] = []
  const add = (file: string, value: number, field: string, more: Partial<Write> = {}) =>
    writes.push({ dir, file, value: String(value), field: `cpu.${field}`, ...more })
  // An idle cgroup takes no shares: leave idle first, become idle last.
  if (cpu.idle !== undefined && cpu.idle !== 1) add('cpu.idle', cpu.idle, 'idle')
  if (cpu.shares) {
    // The kernel would clamp without a word.
    if (cpu.shares < SHARES.min) throw new InvalidField('linux.resources.cpu.shares', `the minimum allowed cpu-shares is ${SHARES.min}`)
    if (cpu.shares > SHARES.max) throw new InvalidField('linux.resources.cpu.shares', `the maximum allowed cpu-shares is ${SHARES.max}`)
    add('cpu.shares', cpu.shares, 'shares')
  }
  // A new period or burst may be wrong with the old quota and right with the new one.
  const again = !!cpu.quota
  if (cpu.period) add('cpu.cfs_period_us', cpu.period, 'period', { again })
  if (cpu.burst !== undefined) add('cpu.cfs_burst_us', cpu.burst, 'burst', { again, optional: true })
  if (cpu.quota) add('cpu.cfs_quota_us', cpu.quota, 'quota')
  if (cpu.realtimePeriod) add('cpu.rt_period_us', cpu.realtimePeriod, 'realtimePeriod', { again: !!cpu.realtimeRuntime })
  if (cpu.realtimeRuntime) add('cpu.rt_runtime_us', cpu.realtimeRuntime, 'realtimeRuntime')
  if (cpu.idle === 1) add('cpu.idle', 1, 'idle')
  return writes
}

const v2 = (cpu: LinuxCPU, dir: string, { live, warn }: Context): readonly Write[] => {
  const writes: Write[] = []
  const add = (file: string, value: string | number, field: string, more: Partial<Write> = {}) =>
    writes.push({ dir, file, value: String(value), field: `cpu.${field}`, ...more })
  if (cpu.idle !== undefined) add('cpu.idle', cpu.idle, 'idle')
  if (cpu.shares && cpu.idle === 1) warn('unable to apply both cpu.idle and cpu.shares (cpu.weight): the shares are ignored')
  else if (cpu.shares) add('cpu.weight', weightOfShares(cpu.shares), 'shares')
  if (cpu.burst !== undefined) add('cpu.max.burst', cpu.burst, 'burst', { again: !!cpu.quota })
  if (cpu.quota || cpu.period) {
    const current = live && !cpu.quota ? tryReadCgroupFile(dir, 'cpu.max')?.split(' ')[0] : undefined
    const quota = cpu.quota ? (cpu.quota < 0 ? 'max' : String(cpu.quota)) : (current ?? 'max')
    // A number alone leaves the period as it is.
    add('cpu.max', cpu.period ? `${quota} ${cpu.period}` : quota, cpu.quota ? 'quota' : 'period')
  }
  if (cpu.realtimePeriod || cpu.realtimeRuntime)
    warn('linux.resources.cpu.realtimeRuntime and .realtimePeriod have no effect: cgroup v2 has no such settings')
  return writes
}

/** Everything but cpus and mems, which are of another controller. */
export const cpuWrites = (cpu: LinuxCPU, context: Context): readonly Write[] => {
  const { shares, quota, period, burst, idle, realtimePeriod, realtimeRuntime } = cpu
  if (!shares && !quota && !period && burst === undefined && idle === undefined && !realtimePeriod && !realtimeRuntime) return []
  const home = homeOf(context, 'cpu', 'cpu')
  return home.version === 1 ? v1(cpu, home.dir) : v2(cpu, home.dir, context)
}

/** linux.resources.cpu.cpus and .mems, cpuset(7). */
export const cpusetWrites = (cpu: LinuxCPU, context: Context): readonly Write[] => {
  if (!cpu.cpus && !cpu.mems) return []
  const { dir, version } = homeOf(context, 'cpuset', 'cpu.cpus')
  const list = (name: 'cpus' | 'mems', value: string): Write => {
    const write = { dir, file: `cpuset.${name}`, value, field: `cpu.${name}` }
    // A v1 hierarchy may be mounted with `noprefix`.
    return version === 1 ? { ...write, otherwise: { ...write, file: name } } : write
  }
  return [...(cpu.cpus ? [list('cpus', cpu.cpus)] : []), ...(cpu.mems ? [list('mems', cpu.mems)] : [])]
}
