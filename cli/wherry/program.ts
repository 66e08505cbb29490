import { takeLaunch } from '../support/launch.ts'
import type { Verbs } from './commands.ts'
import { runDoor } from './door.ts'

/** Ends the process without Node’s tidying up, which costs a millisecond or two. All output is written by now. */
const leave = (process as unknown as { reallyExit(status: number): never }).reallyExit.bind(process)

/** The whole life of the process. */
export const program = async (verbs: Verbs): Promise<void> =>
  leave(await runDoor(process.argv.slice(2), takeLaunch(process.env, 'wherry'), verbs))
