import { takeLaunch } from '../support/launch.ts'
import { runDoor } from './door.ts'
import { leave } from './leave.ts'
import type { Verbs } from './commands.ts'

/** The whole life of the process. */
export const program = async (verbs: Verbs): Promise<void> =>
  leave(await runDoor(process.argv.slice(2), takeLaunch(process.env, 'wherry-oci'), verbs))
