/** What every verb of wherry has: the settings, and what it may ask for. */
import type { Command, Flags } from '../support/flags.ts'
import type { Launch } from '../support/launch.ts'
import type { Verbs } from './commands.ts'
import type { Log } from './log.ts'
import type { Settings } from './settings.ts'

export interface Context {
  /** Name of the program as the user calls it, without its folder. */
  readonly name: string
  readonly launch: Launch
  readonly log: Log
  readonly settings: Settings
  /** Folder of images and containers; absolute. */
  readonly root: string
  /** Folder of what does not outlive the boot; absolute. */
  readonly runRoot: string
  /**
   * Aborted by SIGINT, SIGTERM and SIGHUP, which from the first reading of this on do not end the process by themselves; a second
   * signal does.
   */
  readonly signal: AbortSignal
  readonly verbs: Verbs
  /** Of who runs this, by the ids of the machine: 0 is root there, and not of a namespace of ours. */
  readonly uid: number
  /**
   * Makes this process root of a user namespace if it is not root: it begins again there, and this call does not return.
   * @param join a process whose user namespace it is to be; absent: a new one
   */
  enter(join?: number): Promise<void>
}

/** Checks a verb’s definition and keeps the types of its flags for `run`. */
export const defineCommand = <const F extends Flags>(command: Command<Context, F>): Command<Context> =>
  command as unknown as Command<Context>
