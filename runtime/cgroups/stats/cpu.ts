/** Accounting of CPU time: cpuacct.rst of cgroup v1, sched-bwc.rst, cgroup-v2.rst "CPU Interface Files". */
import { tryReadCgroupFile } from '../file.ts'
import { readFlat, readList, readNumber, readNumbers, readPressure } from './read.ts'
import type { CpusetStats, CpuStats } from './types.ts'

/** USER_HZ is 100 on all architectures, time(7). */
const NANOSECONDS_PER_TICK = 1e9 / 100

/** `cpu user system` per line, under a heading. */
const readAll = (dir: string): { readonly perCpuUser?: readonly number[]; readonly perCpuSystem?: readonly number[] } => {
  const text = tryReadCgroupFile(dir, 'cpuacct.usage_all')
  if (text === undefined) return {}
  const rows = text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => line.split(' ').map(Number))
  return { perCpuUser: rows.map((row) => row[1] ?? 0), perCpuSystem: rows.map((row) => row[2] ?? 0) }
}

/** `cpu` and `cpuacct` are directories in these hierarchies, where they are mounted. */
export const cpuStatsV1 = (cpu: string | undefined, cpuacct: string | undefined): CpuStats | undefined => {
  const stat = cpu === undefined ? {} : (readFlat(cpu, 'cpu.stat') ?? {})
  const ticks = cpuacct === undefined ? undefined : readFlat(cpuacct, 'cpuacct.stat')
  if (cpuacct === undefined || ticks === undefined) return undefined
  const perCpu = readNumbers(cpuacct, 'cpuacct.usage_percpu')
  return {
    total: readNumber(cpuacct, 'cpuacct.usage') ?? 0,
    user: (ticks['user'] ?? 0) * NANOSECONDS_PER_TICK,
    system: (ticks['system'] ?? 0) * NANOSECONDS_PER_TICK,
    ...(perCpu === undefined ? {} : { perCpu }),
    ...readAll(cpuacct),
    throttling: { periods: stat['nr_periods'] ?? 0, throttled: stat['nr_throttled'] ?? 0, time: stat['throttled_time'] ?? 0 },
    bursts: { periods: stat['nr_bursts'] ?? 0, time: stat['burst_time'] ?? 0 },
  }
}

export const cpuStatsV2 = (dir: string): CpuStats | undefined => {
  const stat = readFlat(dir, 'cpu.stat')
  if (stat === undefined) return undefined
  const pressure = readPressure(dir, 'cpu.pressure')
  const nanoseconds = (key: string): number => (stat[key] ?? 0) * 1000
  return {
    total: nanoseconds('usage_usec'),
    user: nanoseconds('user_usec'),
    system: nanoseconds('system_usec'),
    throttling: { periods: stat['nr_periods'] ?? 0, throttled: stat['nr_throttled'] ?? 0, time: nanoseconds('throttled_usec') },
    bursts: { periods: stat['nr_bursts'] ?? 0, time: nanoseconds('burst_usec') },
    ...(pressure === undefined ? {} : { pressure }),
  }
}

const CPUSET_FLAGS = [
  'cpu_exclusive',
  'mem_hardwall',
  'mem_exclusive',
  'memory_migrate',
  'memory_spread_page',
  'memory_spread_slab',
  'memory_pressure',
  'sched_load_balance',
  'sched_relax_domain_level',
]

export const cpusetStatsV1 = (dir: string): CpusetStats | undefined => {
  const prefix = tryReadCgroupFile(dir, 'cpuset.cpus') === undefined ? '' : 'cpuset.'
  const cpus = readList(dir, `${prefix}cpus`)
  if (cpus === undefined) return undefined
  const flags = CPUSET_FLAGS.map((name) => [name, Number(tryReadCgroupFile(dir, prefix + name) ?? 0)] as const)
  return { cpus, mems: readList(dir, `${prefix}mems`) ?? [], flags: Object.fromEntries(flags) }
}
