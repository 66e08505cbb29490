import { standardOutput } from '../support/leave.ts'
import { isatty } from 'node:tty'
import { shortId } from '../containers/ids.ts'
import type { Home } from '../containers/home.ts'
import { cpuPercent, type Reading, readUsage } from '../containers/stats.ts'
import { isUp, statusOf } from '../containers/status.ts'
import { type Container, readContainer } from '../containers/store.ts'
import { tidy, tidyAll } from '../containers/tidy.ts'
import { sleep } from '../../runtime/sleep.ts'
import { humanMemory, humanSize } from '../support/human.ts'
import { formatList, type Listing, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

const LISTING: Listing = {
  titles: {
    Container: 'CONTAINER',
    ID: 'CONTAINER ID',
    Name: 'NAME',
    CPUPerc: 'CPU %',
    MemUsage: 'MEM USAGE / LIMIT',
    MemPerc: 'MEM %',
    NetIO: 'NET I/O',
    BlockIO: 'BLOCK I/O',
    PIDs: 'PIDS',
  },
  columns: ['ID', 'Name', 'CPUPerc', 'MemUsage', 'MemPerc', 'NetIO', 'BlockIO', 'PIDs'],
}

/** Milliseconds between readings of a table, and between the two of a single one: its share of the CPU needs a while. */
const INTERVAL = 1000
const WHILE = 500

const NOTHING: Reading = { at: 0, cpu: 0, memory: 0, memoryLimit: 0, received: 0, sent: 0, read: 0, written: 0, pids: 0 }

const percent = (value: number): string => `${value.toFixed(2)}%`

interface Measured {
  readonly container: Container
  readonly before: Reading | undefined
  readonly now: Reading | undefined
}

const rowOf = ({ container: { id, config }, before, now: reading }: Measured, whole: boolean): Row => {
  const now = reading ?? NOTHING
  return {
    Container: whole ? id : shortId(id),
    ID: whole ? id : shortId(id),
    Name: config.name,
    CPUPerc: percent(cpuPercent(before, now)),
    MemUsage: `${humanMemory(now.memory)} / ${humanMemory(now.memoryLimit)}`,
    MemPerc: percent(now.memoryLimit === 0 ? 0 : (now.memory / now.memoryLimit) * 100),
    NetIO: `${humanSize(now.received)} / ${humanSize(now.sent)}`,
    BlockIO: `${humanSize(now.read)} / ${humanSize(now.written)}`,
    PIDs: String(now.pids),
  }
}

/** Whom to look at now: those that were named, as long as they are there; else those that run. */
type Choice = () => Promise<readonly Container[]>

const choose = async (home: Home, names: readonly string[], all: boolean): Promise<Choice> => {
  const named: Container[] = []
  for (const name of names) named.push(await tidy(home, name))
  if (names.length > 0) return async () => named.map(({ id }) => readContainer(home, id)).filter((container) => container !== undefined)
  return async () => {
    const found: Container[] = []
    for (const container of await tidyAll(home)) if (all || isUp(await statusOf(home, container))) found.push(container)
    return found
  }
}

/** Reads again and again; shares of the CPU are those since the last time. */
const measurer = (home: Home, choice: Choice): (() => Promise<Measured[]>) => {
  let last = new Map<string, Reading>()
  return async () => {
    const measured: Measured[] = []
    for (const container of await choice())
      measured.push({ container, before: last.get(container.id), now: await readUsage(home, container) })
    last = new Map(measured.flatMap(({ container, now }) => (now === undefined ? [] : [[container.id, now] as const])))
    return measured
  }
}

const [HOME, REST_OF_LINE, REST_OF_SCREEN, SCREEN] = ['\x1b[H', '\x1b[K', '\x1b[J', '\x1b[2J']

/** The table over the whole screen, as much of it as there is room for. */
const draw = (table: string): void => {
  const { columns = 0, rows = 0 } = standardOutput()
  const lines = table.trimEnd().split('\n')
  const shown = (rows > 1 ? lines.slice(0, rows - 1) : lines).map((line) => (columns > 0 ? line.slice(0, columns) : line))
  print(`${HOME}${shown.map((line) => `${line}${REST_OF_LINE}\n`).join('')}${REST_OF_SCREEN}`)
}

const pause = (milliseconds: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, milliseconds)
    signal.addEventListener('abort', done)
    if (signal.aborted) done()
  })

export const command = defineCommand({
  name: 'stats',
  aliases: ['container stats'],
  heading: 'Containers',
  summary: 'show what containers use of the machine',
  operands: '[CONTAINER...]',
  count: [0, Number.POSITIVE_INFINITY],
  description: `Shows how much CPU, memory, network and disk the given containers use, or all that run. On a terminal it is a table that is drawn anew every second
until it is interrupted. Elsewhere, and with --no-stream, there is one reading, which takes half a second; with --format and without --no-stream there is one every
second.

Memory is what the kernel cannot drop at once; its limit is that of the machine where the container has none. 100 % is one whole CPU.`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'also those that do not run' },
    'no-stream': { type: 'boolean', help: 'one reading' },
    'no-trunc': { type: 'boolean', help: 'do not shorten ids' },
    format: { type: 'string', value: 'FORMAT', help: 'table, json, a Go template, or table and a Go template' },
  },
  async run({ flags, args, context }) {
    const home = await openHome(context)
    const measure = measurer(home, await choose(home, args, flags.all ?? false))
    const whole = flags['no-trunc'] ?? false
    const text = (measured: readonly Measured[]): string =>
      formatList(
        measured.map((one) => rowOf(one, whole)),
        LISTING,
        flags.format,
      )
    await measure()
    const isTable = flags.format === undefined || flags.format === '' || flags.format.startsWith('table')
    const live = isatty(1) && isTable
    if (flags['no-stream'] || (isTable && !live)) {
      await sleep(WHILE)
      print(text(await measure()))
      return 0
    }
    const { signal } = context
    if (live) print(SCREEN)
    for (let wait = WHILE; ; wait = INTERVAL) {
      await pause(wait, signal)
      // it is how one leaves it
      if (signal.aborted) return 0
      const shown = text(await measure())
      if (live) draw(shown)
      else print(shown)
    }
  },
})
