import { list } from '../../runtime/container/state.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { table } from '../support/table.ts'
import { type ShownState, shownState } from './container-state.ts'
import { defineCommand } from './context.ts'
import { openEngine } from './engine.ts'

const HEADER = ['ID', 'PID', 'STATUS', 'BUNDLE', 'CREATED', 'OWNER']

export const listTable = (states: readonly ShownState[]): string =>
  table([HEADER, ...states.map(({ id, pid, status, bundle, created, owner }) => [id, String(pid), status, bundle, created, owner])])

/** As Go encodes a list without entries. */
const NONE = 'null'

export const listJson = (states: readonly ShownState[]): string => `${states.length === 0 ? NONE : JSON.stringify(states)}\n`

export const command = defineCommand({
  name: 'list',
  summary: 'list the containers',
  operands: '',
  count: [0, 0],
  description: 'Lists the containers whose state is below --root, sorted by id.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', choices: ['table', 'json'], help: 'table (default) or json' },
    quiet: { type: 'boolean', short: 'q', help: 'print the ids only' },
  },
  async run({ flags, context }) {
    const format = flags.format ?? 'table'
    if (format !== 'table' && format !== 'json') throw new UsageError(`invalid format option ${JSON.stringify(format)}: table or json`)
    const states = (await list(openEngine(context))).map(shownState).sort((a, b) => (a.id < b.id ? -1 : 1))
    if (flags.quiet) print(states.map(({ id }) => `${id}\n`).join(''))
    else print(format === 'json' ? listJson(states) : listTable(states))
    return 0
  },
})
