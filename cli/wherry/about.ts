/** The head of the program’s help and manual page. */
import type { DoorHelp } from '../support/help.ts'
import { GLOBALS } from './settings.ts'
import { VERSION } from './version.ts'

export const DOOR: DoorHelp = {
  name: 'wherry',
  summary: 'pull images, look inside them, run containers',
  version: VERSION,
  section: 1,
  description: `Wherry pulls layered images, looks inside them and runs containers, without a daemon.

Commands and flags are spelled as docker spells them. Lists go to the standard output, messages and progress to the standard error.`,
  flags: GLOBALS,
}
