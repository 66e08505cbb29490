/** Becoming root of a user namespace; loaded when somebody else than root wants what only root may. */
import { mkdirSync } from 'node:fs'
import { enterUserNamespace } from '../../runtime/rootless/enter.ts'
import { giveLaunch, type Launch } from '../support/launch.ts'
import { complain } from '../support/output.ts'

/** Does not come back: the same command line is run again, there. */
export const enterNamespace = (name: string, launch: Launch, runRoot: string): Promise<never> => {
  mkdirSync(runRoot, { recursive: true, mode: 0o700 })
  return enterUserNamespace({
    argv: [process.execPath, ...process.execArgv, ...process.argv.slice(1)],
    env: giveLaunch(process.env, launch),
    // not by the log: there is no time to load it, and nobody to do it afterwards
    warn: (message) => complain(`${name}: warning: ${message}\n`),
    folder: runRoot,
  })
}
