import type { Stats } from '../../runtime/cgroups/stats/types.ts'
import { state } from '../../runtime/container/state.ts'
import { stats } from '../../runtime/container/update.ts'
import { WherryError } from '../../runtime/errors.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { describe } from '../support/describe.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'
import { shownStats } from './stats.ts'

const DEFAULT_MS = 5000
/** How often the OOM count and the life of the container are looked at, where the statistics are wanted less often. */
const LOOK_MS = 250

export const statsEvent = (id: string, stats: Stats): string => `${stringifyJson({ type: 'stats', id, data: shownStats(stats) })}\n`
export const oomEvent = (id: string): string => `${JSON.stringify({ type: 'oom', id })}\n`

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

export const command = defineCommand({
  name: 'events',
  summary: 'print statistics and out-of-memory events of a container',
  operands: 'ID',
  count: [1, 1],
  description: `Prints one JSON object per line: {"type":"stats",…} every --interval, and {"type":"oom",…} when the kernel killed a process for
want of memory. Ends with the container.`,
  flags: {
    interval: { type: 'duration', value: 'DURATION', help: 'time between statistics (default: 5s)' },
    stats: { type: 'boolean', help: 'print the statistics once' },
  },
  async run({ flags, args, context }) {
    const id = args[0]!
    const interval = flags.interval ?? DEFAULT_MS
    if (interval <= 0) throw new UsageError('duration interval must be greater than 0')
    const engine = openEngine(context)
    /** False once the container has stopped or is deleted. */
    const alive = async (): Promise<boolean> => {
      try {
        return (await state(engine, id)).status !== 'stopped'
      } catch (error) {
        if (error instanceof WherryError && error.kind === 'not-found') return false
        throw error
      }
    }
    if ((await state(engine, id)).status === 'stopped')
      throw new WherryError('failed-precondition', `container with id ${id} is not running`)
    let last = await stats(engine, id)
    if (flags.stats) {
      print(statsEvent(id, last))
      return 0
    }
    let due = performance.now() + interval
    for (;;) {
      await sleep(Math.max(0, Math.min(LOOK_MS, due - performance.now())))
      if (!(await alive())) return 0
      try {
        const now = await stats(engine, id)
        for (let kills = last.memory?.oomKills ?? 0; kills < (now.memory?.oomKills ?? 0); kills++) print(oomEvent(id))
        last = now
      } catch (error) {
        if (!(await alive())) return 0
        context.log.error(describe(error))
      }
      if (performance.now() < due) continue
      print(statsEvent(id, last))
      due += interval
    }
  },
})
