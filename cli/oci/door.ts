/** From the command line to a verb, and from its errors to the log and the exit status. */
import { basename } from 'node:path'
import type { Command } from '../support/flags.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { describe, errnoText } from '../support/describe.ts'
import type { Launch } from '../support/launch.ts'
import { nearest } from '../support/nearest.ts'
import { print } from '../support/output.ts'
import { checkCount, parseLine } from '../support/parse.ts'
import type { Context } from './context.ts'
import { contextOf, GLOBALS, openLogOf } from './globals.ts'
import { type Log, openLog } from './log.ts'
import { allCommands, type Verbs } from './commands.ts'

const FAILURE = 1
/** Of a verb that does not exist, as in runc. */
const NO_SUCH_VERB = 3

const printHelp = async (name: string, verbs: Verbs): Promise<void> => {
  const [{ doorHelp }, { DOOR }] = await Promise.all([import('../support/help.ts'), import('./about.ts')])
  print(doorHelp({ ...DOOR, name }, await allCommands(verbs)))
}

const noSuchVerb = (verb: string, verbs: Verbs): string => {
  const guess = nearest(verb, verbs.keys())
  return `No help topic for '${verb}'${guess === undefined ? '' : `: did you mean '${guess}'?`}`
}

/** That the program of a container cannot be executed is for who looks at the container’s output: one line, as its shell would say it. */
const report = (log: Log, error: unknown): void => {
  const execve =
    error instanceof SyscallError && error.syscall === 'execve' ? /^(exec .*?): E[A-Z0-9]+/s.exec(error.message)?.[1] : undefined
  log.error(describe(error), execve === undefined ? undefined : `${execve}: ${errnoText((error as SyscallError).code)}`)
}

/** Runs `command` with what follows it on the command line. */
const runCommand = async (command: Command<Context>, argv: readonly string[], context: Context): Promise<number> => {
  const of = `${context.name} ${command.name}`
  const { flags, args, help } = parseLine(of, command.flags, argv, command.leading ?? false)
  if (help) {
    const { commandHelp } = await import('../support/help.ts')
    print(commandHelp(context.name, command))
    return 0
  }
  checkCount(of, args, command.count)
  try {
    return await command.run({ flags, args, context })
  } catch (error) {
    report(context.log, error)
    return command.failure ?? FAILURE
  }
}

/** Runs the verb that the arguments begin with. */
const dispatch = async ([first = '', ...rest]: readonly string[], verbs: Verbs, context: Context): Promise<number> => {
  const helped = first === 'help' || first === 'h'
  const verb = helped ? rest[0]! : first
  const load = verbs.get(verb)
  if (load === undefined) {
    context.log.error(noSuchVerb(verb, verbs))
    return NO_SUCH_VERB
  }
  const { command } = await load()
  return runCommand(command, helped ? ['--help'] : rest, context)
}

/** Resolves to the exit status; whatever went wrong is in the log by then. */
export const runDoor = async (argv: readonly string[], launch: Launch, verbs: Verbs): Promise<number> => {
  const name = basename(launch.program)
  let log: Log = openLog({ file: undefined, format: 'text', debug: false })
  try {
    const { flags, args, help } = parseLine(name, GLOBALS, argv, true)
    if (flags.version) {
      const { versionText } = await import('./version.ts')
      print(versionText(name))
      return 0
    }
    if (help || args.length === 0 || (args.length === 1 && (args[0] === 'help' || args[0] === 'h'))) {
      await printHelp(name, verbs)
      return 0
    }
    log = openLogOf(flags)
    const context = contextOf(flags, launch, log, verbs)
    if (flags.criu !== undefined) log.warn('--criu is ignored')
    return await dispatch(args, verbs, context)
  } catch (error) {
    log.error(describe(error))
    return FAILURE
  }
}
