/** From the command line to a verb, and from its errors to a message and the exit status. */
import { basename } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { describe } from '../support/describe.ts'
import type { Command, Flags } from '../support/flags.ts'
import type { Launch } from '../support/launch.ts'
import { complain, OutputClosed } from '../support/output.ts'
import { checkCount, type ParsedLine, UsageError } from '../support/parse.ts'
import { parsePlain } from '../support/plain.ts'
import { findVerb, type Verbs } from './commands.ts'
import { configFiles } from './config-file.ts'
import type { Context } from './context.ts'
import { defaultRoot, defaultRunRoot } from './directories.ts'
import { type Interrupt, openInterrupt } from './interrupt.ts'
import { type Log, openLog } from './log.ts'
import { GLOBALS, type Settings, settingsOf } from './settings.ts'

const FAILURE = 1
/** Of a program that SIGPIPE ended, as a shell sees it: nobody reads on. */
const PIPE_CLOSED = 141

/** An error that nobody expected is a mistake of ours: then it matters where it came from. */
const expected = (error: unknown): boolean =>
  error instanceof WherryError || error instanceof SyscallError || (error instanceof Error && 'code' in error)

const report = (name: string, error: unknown, log: Log | undefined, settings: Settings): void => {
  const message = expected(error) ? describe(error) : `internal error: ${describe(error)}`
  if (error instanceof Error) log?.debug('the error came from', { stack: error.stack })
  if (settings['log-format'] === 'json') log?.write('error', message)
  else complain(`${name}: ${message}\n`)
}

/** $WHERRY_ROOTLESS is what the entrance to our user namespaces leaves. */
const userId = async (): Promise<number> => {
  const own = process.geteuid!()
  if (own !== 0 || process.env['WHERRY_ROOTLESS'] === undefined) return own
  const { enteredAs } = await import('../../runtime/rootless/enter.ts')
  return enteredAs()?.uid ?? own
}

interface Surroundings {
  readonly name: string
  readonly launch: Launch
  readonly settings: Settings
  readonly log: Log
  readonly interrupt: Interrupt
  readonly verbs: Verbs
  readonly uid: number
}

const contextOf = ({ name, launch, settings, log, interrupt, verbs, uid }: Surroundings): Context => {
  let root: string | undefined
  let runRoot: string | undefined
  return {
    name,
    uid,
    launch,
    log,
    settings,
    get root() {
      root ??= settings.root ?? defaultRoot(process.env, uid)
      return root
    },
    get runRoot() {
      runRoot ??= settings['run-root'] ?? defaultRunRoot(process.env, uid)
      return runRoot
    },
    get signal() {
      return interrupt.signal
    },
    verbs,
    async enter(join) {
      if (process.geteuid!() === 0) return
      const { enterNamespace } = await import('./rootless.ts')
      await enterNamespace(name, launch, this.runRoot, join)
    },
  }
}

const parse = async <F extends Flags>(
  of: string,
  table: F,
  argv: readonly string[],
  leading: boolean,
  elsewhere?: Flags,
): Promise<ParsedLine<F>> => {
  const plain = parsePlain(table, argv, leading)
  if (plain !== undefined) return plain
  const { parseFlags } = await import('../support/commander.ts')
  return parseFlags(of, table, argv, leading, elsewhere)
}

/** Runs `command` with what follows it on the command line. */
const runCommand = async (command: Command<Context>, argv: readonly string[], context: Context): Promise<number> => {
  const of = `${context.name} ${command.name}`
  const { flags, args, help } = await parse(of, command.flags, argv, command.leading ?? false, GLOBALS)
  if (help) {
    const { printCommandUsage } = await import('./show-help.ts')
    printCommandUsage(context.name, command)
    return 0
  }
  checkCount(of, args, command.count)
  return await command.run({ flags, args, context })
}

/** Resolves to the exit status; whatever went wrong is said by then. */
export const runDoor = async (argv: readonly string[], launch: Launch, verbs: Verbs): Promise<number> => {
  const name = basename(launch.program)
  const interrupt = openInterrupt()
  let settings: Settings = {}
  let log: Log | undefined
  let failure = FAILURE
  try {
    const { flags, args, help } = await parse(name, GLOBALS, argv, true)
    if (flags['version']) {
      const { printVersion } = await import('./show-help.ts')
      printVersion(name)
      return 0
    }
    const [first] = args
    if (help || first === undefined || first === 'help') {
      const { printHelp } = await import('./show-help.ts')
      return await printHelp(name, first === undefined ? [] : args.slice(1), verbs)
    }
    settings = await settingsOf(flags, process.env, (config) => configFiles(config, process.env))
    log = openLog(settings)
    const found = findVerb(args, verbs)
    if (found.kind === 'unknown') throw new UsageError(`${found.problem}: see ${name} --help`)
    if (found.kind === 'group') {
      const { printGroup } = await import('./show-help.ts')
      return await printGroup(name, found.group, found.rest, verbs)
    }
    const { command } = await found.load()
    failure = command.failure ?? FAILURE
    return await runCommand(command, found.rest, contextOf({ name, launch, settings, log, interrupt, verbs, uid: await userId() }))
  } catch (error) {
    if (error instanceof OutputClosed) return PIPE_CLOSED
    if (interrupt.status !== undefined) {
      complain(`${name}: interrupted\n`)
      return interrupt.status
    }
    report(name, error, log, settings)
    return failure
  } finally {
    await log?.flush()
  }
}
