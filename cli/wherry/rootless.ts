/** Becoming root of a user namespace; loaded when somebody else than root wants what only root may. */
import { mkdirSync } from 'node:fs'
import { isAlive } from '../../runtime/container/process-id.ts'
import { enterUserNamespace } from '../../runtime/rootless/enter.ts'
import type { Home } from '../containers/home.ts'
import { readRun } from '../containers/run-record.ts'
import { tryFind } from '../containers/store.ts'
import { giveLaunch, type Launch } from '../support/launch.ts'
import { complain } from '../support/output.ts'

const again = (): readonly [string, ...string[]] => [process.execPath, ...process.execArgv, ...process.argv.slice(1)]

/**
 * Does not come back: the same command line is run again, there.
 * @param join a process whose user namespace it is to be, in the place of a new one
 */
export const enterNamespace = (name: string, launch: Launch, runRoot: string, join?: number): Promise<never> => {
  mkdirSync(runRoot, { recursive: true, mode: 0o700 })
  return enterUserNamespace({
    argv: again(),
    env: giveLaunch(process.env, launch),
    ...(join === undefined ? {} : { join }),
    // not by the log: there is no time to load it, and nobody to do it afterwards
    warn: (message) => complain(`${name}: warning: ${message}\n`),
    folder: runRoot,
  })
}

/** The init of a container that runs. Who wants power over its processes needs its user namespace: every command that starts some makes its own. */
export const initOf = (home: Home, text: string): number | undefined => {
  const container = tryFind(home, text)
  const init = container === undefined ? undefined : readRun(home, container.id)?.init
  return init !== undefined && isAlive(init) ? init.pid : undefined
}

/** The command line with one of its operands alone. */
const withOnly = (operand: number, operands: readonly string[]): string[] => {
  const argv = [...again()]
  // operands stand behind what else may be spelled like them, as a rule: flags come first
  for (let index = operands.length - 1, at = argv.length - 1; index >= 0 && at > 0; at--) {
    if (argv[at] !== operands[index]) continue
    if (index !== operand) argv.splice(at, 1)
    index--
  }
  return argv
}

/** Runs the command line for each of its operands by itself: one process has the power of one user namespace. Its exit status. */
export const runForEach = async (launch: Launch, operands: readonly string[]): Promise<number> => {
  const { spawnSync } = await import('node:child_process')
  let failed = 0
  for (const index of operands.keys()) {
    const [path, ...argv] = withOnly(index, operands)
    const { status, error } = spawnSync(path!, argv, { stdio: 'inherit', env: giveLaunch(process.env, launch) })
    if (error !== undefined) throw error
    if (status !== 0) failed = status ?? 1
  }
  return failed
}
