/** Accounting of memory: memory.rst of cgroup v1 and cgroup-v2.rst "Memory Interface Files". */
import type { Home } from '../homes.ts'
import { readFlat, readNumber, readPressure } from './read.ts'
import type { MemoryCounter, MemoryStats } from './types.ts'

/** v1 says "no limit" with the greatest number of pages that fit into 63 bits. */
const NO_LIMIT = 2 ** 62

const limitOf = (value: number | undefined): { readonly limit?: number } =>
  value === undefined || value >= NO_LIMIT ? {} : { limit: value }

const counterV1 = (dir: string, name: string): MemoryCounter | undefined => {
  const usage = readNumber(dir, `${name}.usage_in_bytes`)
  if (usage === undefined) return undefined
  const peak = readNumber(dir, `${name}.max_usage_in_bytes`) ?? 0
  const failures = readNumber(dir, `${name}.failcnt`) ?? 0
  return { usage, peak, failures, ...limitOf(readNumber(dir, `${name}.limit_in_bytes`)) }
}

const v1 = (dir: string): MemoryStats | undefined => {
  const usage = counterV1(dir, 'memory')
  if (usage === undefined) return undefined
  const stat = readFlat(dir, 'memory.stat') ?? {}
  const usageWithSwap = counterV1(dir, 'memory.memsw')
  const kernel = counterV1(dir, 'memory.kmem')
  const kernelTcp = counterV1(dir, 'memory.kmem.tcp')
  return {
    usage,
    ...(usageWithSwap === undefined
      ? {}
      : {
          usageWithSwap,
          swap: {
            usage: Math.max(0, usageWithSwap.usage - usage.usage),
            peak: 0,
            failures: Math.max(0, usageWithSwap.failures - usage.failures),
          },
        }),
    ...(kernel === undefined ? {} : { kernel }),
    ...(kernelTcp === undefined ? {} : { kernelTcp }),
    cache: stat['cache'] ?? 0,
    workingSet: Math.max(0, usage.usage - (stat['total_inactive_file'] ?? 0)),
    stat,
    oomKills: readFlat(dir, 'memory.oom_control')?.['oom_kill'] ?? 0,
  }
}

const counterV2 = (dir: string, name: string, events: Readonly<Record<string, number>>): MemoryCounter | undefined => {
  const usage = readNumber(dir, `${name}.current`)
  if (usage === undefined) return undefined
  return { usage, peak: readNumber(dir, `${name}.peak`) ?? 0, failures: events['max'] ?? 0, ...limitOf(readNumber(dir, `${name}.max`)) }
}

const v2 = (dir: string): MemoryStats | undefined => {
  const events = readFlat(dir, 'memory.events') ?? {}
  const usage = counterV2(dir, 'memory', events)
  if (usage === undefined) return undefined
  const stat = readFlat(dir, 'memory.stat') ?? {}
  const swap = counterV2(dir, 'memory.swap', readFlat(dir, 'memory.swap.events') ?? {})
  const pressure = readPressure(dir, 'memory.pressure')
  const sum = swap?.limit === undefined || usage.limit === undefined ? {} : { limit: swap.limit + usage.limit }
  return {
    usage,
    // A peak of the sum is not known.
    ...(swap === undefined ? {} : { swap, usageWithSwap: { usage: usage.usage + swap.usage, peak: 0, failures: swap.failures, ...sum } }),
    cache: stat['file'] ?? 0,
    workingSet: Math.max(0, usage.usage - (stat['inactive_file'] ?? 0)),
    stat,
    oomKills: events['oom_kill'] ?? 0,
    ...(pressure === undefined ? {} : { pressure }),
  }
}

export const memoryStats = ({ version, dir }: Home): MemoryStats | undefined => (version === 1 ? v1(dir) : v2(dir))

/** Processes ended by the OOM killer. */
export const oomKills = ({ version, dir }: Home): number =>
  readFlat(dir, version === 1 ? 'memory.oom_control' : 'memory.events')?.['oom_kill'] ?? 0
