import { leave } from '../support/leave.ts'
import { takeLaunch } from '../support/launch.ts'
import type { Verbs } from './commands.ts'
import { runDoor } from './door.ts'

/** The whole life of the process. */
export const program = async (verbs: Verbs): Promise<never> =>
  await leave(await runDoor(process.argv.slice(2), takeLaunch(process.env, 'wherry'), verbs))
