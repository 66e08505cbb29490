import { existsSync } from 'node:fs'
import type { From } from '../../runtime/keeper/find.ts'
import { SpoolReader } from '../../runtime/keeper/reader.ts'
import { WherryError } from '../../runtime/errors.ts'
import { keeperFolders } from '../containers/home.ts'
import { LineFilter } from '../containers/logs.ts'
import { tidy } from '../containers/tidy.ts'
import { readMoment } from '../support/moment.ts'
import { complain, print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

/** Of a millisecond. */
const NANOSECONDS = 1_000_000

/** docker takes what is negative for all of it. */
const tailOf = (text: string | undefined): From => {
  if (text === undefined || text === 'all') return 'start'
  if (!/^[+-]?\d{1,15}$/.test(text)) throw new UsageError(`--tail ${JSON.stringify(text)}: a number of lines, or all, is wanted`)
  const lines = Number(text)
  return lines < 0 ? 'start' : { tail: lines }
}

/** Aborted with the other one, or when the time has come. */
const endingAt = (signal: AbortSignal, until: bigint | undefined): AbortSignal => {
  if (until === undefined) return signal
  const left = Number(until / BigInt(NANOSECONDS)) - Date.now()
  return AbortSignal.any([signal, AbortSignal.timeout(Math.max(0, Math.min(left, 2 ** 31 - 1)))])
}

export const command = defineCommand({
  name: 'logs',
  aliases: ['container logs'],
  heading: 'Containers',
  summary: 'show the output of a container',
  operands: 'CONTAINER',
  count: [1, 1],
  description: `Shows what a container has written, what came on stderr on stderr. All its runs are kept, up to the bounds that --log-opt has set (three files of 10 MiB).
With --follow it goes on until the container ends.

Times are RFC 3339, seconds since 1970, or how long ago (10m). A line belongs to the time at which it began.`,
  flags: {
    follow: { type: 'boolean', short: 'f', help: 'go on until the container ends' },
    tail: { type: 'string', short: 'n', value: 'LINES', help: 'so many of the last lines, or all (default)' },
    since: { type: 'string', value: 'TIME', help: 'lines of this time or later' },
    until: { type: 'string', value: 'TIME', help: 'lines of this time or earlier' },
    timestamps: { type: 'boolean', short: 't', help: 'show when each line began' },
    details: { type: 'boolean', help: 'accepted: there are none' },
  },
  async run({ flags, args: [text], context }) {
    const wrong = (problem: string): Error => new UsageError(problem)
    const [since, until] = [readMoment('since', flags.since, wrong), readMoment('until', flags.until, wrong)]
    const from = tailOf(flags.tail)
    const home = await openHome(context)
    const { id, config } = await tidy(home, text!)
    if (config.request.log.driver === 'none')
      throw new WherryError(
        'failed-precondition',
        `container ${config.name} was made with --log-driver none: nothing is kept of its output`,
      )
    const folders = keeperFolders(home, id)
    // one that was never started
    if (!existsSync(folders.spool)) return 0
    const follow = flags.follow ?? false
    const signal = follow ? endingAt(context.signal, until) : context.signal
    const lines = new LineFilter({
      ...(since === undefined ? {} : { since }),
      ...(until === undefined ? {} : { until }),
      timestamps: flags.timestamps ?? false,
    })
    for await (const event of await SpoolReader.open(folders, { from, follow, signal })) {
      if (event.kind === 'gap') {
        context.log.warn('some output was replaced before it could be shown')
        continue
      }
      const shown = lines.push(event)
      if (shown.length === 0) continue
      if (event.stream === 'stderr') complain(shown)
      else print(shown)
    }
    context.signal.throwIfAborted()
    return 0
  },
})
