/** `--help` of the program, of a group and of a verb; loaded when it is asked for. */
import { standardOutput } from '../support/leave.ts'
import type { Command } from '../support/flags.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { commandUsage, doorUsage, groupUsage } from '../support/usage.ts'
import { DOOR } from './about.ts'
import { allCommands, findVerb, groupsOf, type Verbs } from './commands.ts'
import type { Context } from './context.ts'
import { COMMIT, VERSION } from './version.ts'

const USUAL = 100
const WIDEST = 120

const width = (): number => {
  const { isTTY, columns } = standardOutput()
  return isTTY ? Math.min(WIDEST, columns || USUAL) : USUAL
}

export const printVersion = (name: string): void => print(`${name} version ${VERSION}, build ${COMMIT}\n`)

export const printCommandUsage = (name: string, command: Command<Context>): void => print(commandUsage(name, command, width()))

const listed = async (group: string, verbs: Verbs) =>
  Promise.all(
    [...verbs]
      .filter(([spelling]) => spelling.startsWith(`${group} `))
      .map(async ([spelling, load]) => {
        const { command } = await load()
        return { spelling, summary: command.summary, hidden: command.hidden === true }
      }),
  )

/** `help` is no verb of a group; what else follows is unknown, or a flag that groups do not have. */
export const printGroup = async (name: string, group: string, rest: readonly string[], verbs: Verbs): Promise<number> => {
  const [first] = rest
  if (first !== undefined && !['help', '--help', '-h'].includes(first))
    throw new UsageError(`unknown flag ${first}: ${group} has commands: see ${name} ${group} --help`)
  const rows = (await listed(group, verbs)).filter(({ hidden }) => !hidden)
  print(groupUsage(name, group, rows, width()))
  return 0
}

/** @param words the verb that help is wanted for; none: the program */
export const printHelp = async (name: string, words: readonly string[], verbs: Verbs): Promise<number> => {
  if (words.length === 0) {
    print(doorUsage({ ...DOOR, name }, await allCommands(verbs), groupsOf(verbs), width()))
    return 0
  }
  const found = findVerb(words, verbs)
  if (found.kind === 'unknown') throw new UsageError(`${found.problem}: see ${name} --help`)
  if (found.kind === 'group') return printGroup(name, found.group, [], verbs)
  printCommandUsage(name, (await found.load()).command)
  return 0
}
