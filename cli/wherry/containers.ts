/** Containers as verbs get at them. */
import { isAbsolute, resolve } from 'node:path'
import type { Home, SelfCommand } from '../containers/home.ts'
import type { Context } from './context.ts'

/** What a command of ours that a keeper or a timer starts is given of the environment: where things are, and who we are. */
const PASSED = /^(PATH|HOME|USER|LOGNAME|LANG|LC_.*|TZ|TMPDIR|XDG_.*|DBUS_SESSION_BUS_ADDRESS|WHERRY_.*)$/

const environment = (): string[] =>
  Object.entries(process.env)
    .filter(([name, value]) => value !== undefined && PASSED.test(name))
    .map(([name, value]) => `${name}=${value}`)

/** By the launcher where there is one, so that it is the right Node with the right flags also after an update of the package. */
const program = ({ launch }: Context): readonly string[] =>
  launch.program.includes('/')
    ? [isAbsolute(launch.program) ? launch.program : resolve(launch.program)]
    : [process.execPath, ...process.execArgv, process.argv[1]!]

const selfOf = (context: Context) => {
  let common: { readonly argv: readonly string[]; readonly env: readonly string[] } | undefined
  return (args: readonly string[]): SelfCommand => {
    const { config } = context.settings
    common ??= {
      argv: [
        ...program(context),
        ...['--root', context.root, '--run-root', context.runRoot],
        ...(config === undefined ? [] : ['--config', config]),
      ],
      env: environment(),
    }
    return { path: common.argv[0]!, argv: [...common.argv, ...args], env: common.env }
  }
}

/** For looking at containers only; whoever changes something enters first. */
export const homeOf = (context: Context): Home => ({
  root: context.root,
  runRoot: context.runRoot,
  engine: {
    root: `${context.runRoot}/engine`,
    systemdCgroup: false,
    warn: (message) => context.log.warn(message),
    debug: (message) => context.log.debug(message),
  },
  self: selfOf(context),
  warn: (message) => context.log.warn(message),
  debug: (message) => context.log.debug(message),
})

/**
 * For whatever changes containers: as root, of the machine or of a user namespace, which is entered.
 * @param operands containers whose processes it has to do with: all operands of the command, and all of them containers
 */
export const openHome = async (context: Context, operands: readonly string[] = []): Promise<Home> => {
  if (process.geteuid!() !== 0 && operands.length > 0) {
    const { initOf, runForEach } = await import('./rootless.ts')
    const inits = operands.map((text) => initOf(homeOf(context), text))
    if (operands.length > 1 && inits.some((pid) => pid !== undefined)) process.exit(await runForEach(context.launch, operands))
    await context.enter(inits[0])
  }
  await context.enter()
  return homeOf(context)
}
