/** linux.resources.memory: Documentation/admin-guide/cgroup-v1/memory.rst and cgroup-v2.rst "Memory". */
import { InvalidField, WherryError } from '../../errors.ts'
import type { LinuxMemory } from '../../spec/types.ts'
import { tryReadCgroupFile } from '../file.ts'
import type { Write } from '../writes.ts'
import { type Context, homeOf, limitText } from './context.ts'

const FIELD = 'linux.resources.memory'

/**
 * memory.swap.max (-1: max) for `swap`, which is memory and swap together as on v1, and `limit`, of which 0 is not given.
 * Undefined: leave it alone.
 */
export const swapMax = (swap: bigint, limit: bigint): bigint | undefined => {
  if (swap === 0n) return limit === -1n ? -1n : undefined
  if (swap === -1n || limit === -1n) return swap
  if (limit === 0n) throw new InvalidField(`${FIELD}.swap`, 'unable to set swap limit without memory limit')
  if (limit < 0n) throw new InvalidField(`${FIELD}.limit`, `invalid memory value: ${limit}`)
  if (swap < limit) throw new InvalidField(`${FIELD}.swap`, 'memory+swap limit should be >= memory limit')
  return swap - limit
}

const readLimit = (dir: string, file: string): bigint | undefined => {
  const text = tryReadCgroupFile(dir, file)?.trim()
  return text === undefined || text === 'max' ? undefined : BigInt(text)
}

const refuseBelowUsage = (dir: string, limit: bigint, swap: bigint): void => {
  const usage = readLimit(dir, 'memory.current')
  if (usage === undefined) return
  if (swap > 0n && swap <= usage)
    throw new WherryError('failed-precondition', `${FIELD}.swap: rejecting memory+swap limit ${swap} <= usage ${usage}`)
  if (limit > 0n && limit <= usage)
    throw new WherryError('failed-precondition', `${FIELD}.limit: rejecting memory limit ${limit} <= usage ${usage}`)
}

const v1 = (memory: LinuxMemory, dir: string, live: boolean): readonly Write[] => {
  const limit = memory.limit ?? 0n
  // Unlimited memory is of no use below a limit of memory and swap.
  const all = limit === -1n && (memory.swap ?? 0n) === 0n
  const swap = all ? -1n : (memory.swap ?? 0n)
  const writes: Write[] = []
  if (limit !== 0n) writes.push({ dir, file: 'memory.limit_in_bytes', value: String(limit), field: 'memory.limit' })
  if (swap !== 0n) writes.push({ dir, file: 'memory.memsw.limit_in_bytes', value: String(swap), field: 'memory.swap', optional: all })
  // At no time may the limit be above that of memory and swap together.
  const together = live && writes.length === 2 ? readLimit(dir, 'memory.memsw.limit_in_bytes') : undefined
  if (together !== undefined && (limit === -1n || limit > together)) writes.reverse()
  if (memory.reservation)
    writes.push({ dir, file: 'memory.soft_limit_in_bytes', value: String(memory.reservation), field: 'memory.reservation' })
  if (memory.useHierarchy) writes.push({ dir, file: 'memory.use_hierarchy', value: '1', field: 'memory.useHierarchy', optional: true })
  if (memory.disableOOMKiller)
    writes.push({
      dir,
      file: 'memory.oom_control',
      value: '1',
      field: 'memory.disableOOMKiller',
      undo: (before) => /oom_kill_disable (\d)/.exec(before)?.[1] ?? '0',
    })
  if (memory.swappiness !== undefined && memory.swappiness !== -1) {
    if (memory.swappiness > 100 || memory.swappiness < 0)
      throw new InvalidField(`${FIELD}.swappiness`, `invalid memory swappiness value: ${memory.swappiness} (valid range is 0-100)`)
    writes.push({ dir, file: 'memory.swappiness', value: String(memory.swappiness), field: 'memory.swappiness' })
  }
  return writes
}

/** What memory.swap.max becomes when one of limit and swap is set and the other is as it was. */
const liveSwapMax = (dir: string, limit: bigint, swap: bigint): bigint | undefined => {
  const current = readLimit(dir, 'memory.max')
  if (limit === 0n) return swapMax(swap, current ?? 0n)
  if (swap !== 0n || limit === -1n || current === undefined) return swapMax(swap, limit)
  // Only the limit is new: the sum of memory and swap stays.
  const currentSwap = readLimit(dir, 'memory.swap.max')
  return currentSwap === undefined ? undefined : swapMax(current + currentSwap, limit)
}

const v2 = (memory: LinuxMemory, dir: string, { live, warn }: Context): readonly Write[] => {
  const limit = memory.limit ?? 0n
  const swap = memory.swap ?? 0n
  if (live && memory.checkBeforeUpdate) refuseBelowUsage(dir, limit, swap)
  const max = live && (limit !== 0n || swap !== 0n) ? liveSwapMax(dir, limit, swap) : swapMax(swap, limit)
  const writes: Write[] = []
  if (max !== undefined)
    // Where there is no swap, no limit and no swap allowed are both true already.
    writes.push({ dir, file: 'memory.swap.max', value: limitText(max), field: 'memory.swap', optional: max <= 0n })
  if (limit !== 0n) writes.push({ dir, file: 'memory.max', value: limitText(limit), field: 'memory.limit' })
  if (memory.reservation) writes.push({ dir, file: 'memory.low', value: limitText(memory.reservation), field: 'memory.reservation' })
  if (memory.swappiness !== undefined) warn('linux.resources.memory.swappiness has no effect: cgroup v2 has no such setting')
  if (memory.disableOOMKiller) warn('linux.resources.memory.disableOOMKiller has no effect: cgroup v2 has no such setting')
  return writes
}

export const memoryWrites = (memory: LinuxMemory, context: Context): readonly Write[] => {
  if (memory.kernel !== undefined || memory.kernelTCP !== undefined)
    context.warn('kernel memory settings are ignored: Linux has no such limits any more')
  const { limit, swap, reservation, swappiness, disableOOMKiller, useHierarchy } = memory
  if (!limit && !swap && !reservation && swappiness === undefined && !disableOOMKiller && !useHierarchy) return []
  const home = homeOf(context, 'memory', 'memory')
  return home.version === 1 ? v1(memory, home.dir, context.live) : v2(memory, home.dir, context)
}
