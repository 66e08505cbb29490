/** What it costs to be asked for statistics of all containers. */
import { readFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import type { Server } from './servers.ts'

/** USER_HZ, time(7). */
const TICKS_PER_SECOND = 100
const TIMES = 10

/** Seconds of CPU time, proc_pid_stat(5). */
const cpuTime = (pid: number): number => {
  const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
}

export interface StatsCost {
  /** Milliseconds that a call takes. */
  readonly elapsed: readonly number[]
  /** Percent of one CPU that the server needs while it is asked once a second. */
  readonly cpu: number
}

export const statsCost = async ({ client, pid }: Server, containers: number): Promise<StatsCost> => {
  // the first call opens, and counts
  await client.listContainerStats({})
  await setTimeout(1000)
  const elapsed: number[] = []
  const [from, before] = [performance.now(), cpuTime(pid)]
  for (let count = 0; count < TIMES; count += 1) {
    const begun = performance.now()
    const { stats } = await client.listContainerStats({})
    elapsed.push(performance.now() - begun)
    const complete = stats.filter(
      ({ cpu, memory, writableLayer }) => cpu !== undefined && memory !== undefined && writableLayer !== undefined,
    )
    if (complete.length !== containers) throw new Error(`statistics of ${complete.length} containers in place of ${containers}`)
    await setTimeout(Math.max(0, 1000 * (count + 1) - (performance.now() - from)))
  }
  return { elapsed, cpu: ((cpuTime(pid) - before) / ((performance.now() - from) / 1000)) * 100 }
}
