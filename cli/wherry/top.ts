import { ps } from '../../runtime/container/update.ts'
import { engineRecord } from '../containers/exec-process.ts'
import { type Column, COLUMN_NAMES, columnOf, pidsBeside, readProcesses } from '../containers/processes.ts'
import { requireUp } from '../containers/signal.ts'
import { tidy } from '../containers/tidy.ts'
import { harmless } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { table } from '../support/table.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

/** ps -ef: its UID is a name, and it says CMD. */
const FULL = ['user=UID', 'pid', 'ppid', 'c', 'stime', 'tty', 'time', 'cmd']
const USER = ['user', 'pid', '%cpu', '%mem', 'vsz', 'rss', 'tty', 'stat', 'start', 'time', 'command']

const columnsOf = (names: readonly string[]): Column[] =>
  names.map((text) => {
    const [, name = text, title] = /^([^=]*)=([\s\S]*)$/.exec(text) ?? []
    const column = columnOf(name.toLowerCase())
    if (column === undefined) throw new UsageError(`top: there is no column ${JSON.stringify(name)}: there are ${COLUMN_NAMES.join(', ')}`)
    return title === undefined ? column : { ...column, title }
  })

/** What of ps(1)'s options is known here: -ef, aux, -o and -eo. */
const parseOptions = (options: readonly string[]): Column[] => {
  const names: string[] = []
  for (let index = 0; index < options.length; index++) {
    const option = options[index]!
    const [, letters, inline] = /^-?([aAexw]*)o=?(.*)$/.exec(option) ?? []
    if (letters !== undefined) {
      const list = inline !== '' ? inline! : options[++index]
      if (list === undefined) throw new UsageError(`top: ${option} needs a list of columns: pid,user,args`)
      // a title takes all that is left of its list
      names.push(...(/=/.test(list) ? list.split(/[,\s]+(?=[^=]*(?:=|$))/) : list.split(/[,\s]+/)).filter((name) => name !== ''))
    } else if (/^-?[aexw]*u[aexw]*$/.test(option)) names.push(...USER)
    else if (!/^-?[aAefFxw]+$/.test(option))
      throw new UsageError(
        `top: the option ${JSON.stringify(option)} of ps is not known here: there are -ef, aux, and -o with columns: ${COLUMN_NAMES.join(', ')}`,
      )
  }
  return columnsOf(names.length === 0 ? FULL : names)
}

/** docker's. */
const WIDTH = 20
const GAP = 1

export const command = defineCommand({
  name: 'top',
  aliases: ['container top'],
  heading: 'Containers',
  summary: 'list the processes of a container',
  operands: 'CONTAINER [PS OPTIONS]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Shows the processes in a container, with the ids that this machine has for them. They are read from outside: the container needs no ps(1). Of ps's options there
are -ef (default), aux, and -o with columns: ${COLUMN_NAMES.join(', ')}.`,
  flags: {},
  leading: true,
  async run({ args: [text, ...options], context }) {
    const columns = parseOptions(options)
    const home = await openHome(context, [text!])
    const container = await tidy(home, text!)
    await requireUp(home, container)
    const inCgroup = await ps(home.engine, container.id)
    // users without a cgroup of their own
    const pids = inCgroup.length > 0 ? inCgroup : pidsBeside(engineRecord(home, container).init.pid)
    const processes = readProcesses([...pids].sort((a, b) => a - b))
    const rows = [
      columns.map(({ title }) => title),
      ...processes.map((process) => columns.map(({ show }) => harmless(String(show(process))))),
    ]
    print(table(rows, WIDTH, GAP))
    return 0
  },
})
