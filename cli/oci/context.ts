/** What every verb of wherry-oci has: the global flags, read and checked. */
import type { Engine } from '../../runtime/container/types.ts'
import type { Command, Flags } from '../support/flags.ts'
import type { Launch } from '../support/launch.ts'
import type { Log } from './log.ts'

export interface Context {
  /** Name of the program as the user calls it, without its folder. */
  readonly name: string
  readonly launch: Launch
  readonly log: Log
  /** Absolute; undefined: the default for this user. */
  readonly root: string | undefined
  readonly systemdCgroup: boolean
  /** Missing permissions on cgroups are tolerated; undefined: decide by who we are. */
  readonly rootless: boolean | undefined
  /** All verbs, loaded: for help and completion. */
  readonly commands: () => Promise<readonly Command<Context>[]>
}

/** Engine with what only verbs that start processes need. */
export type { Engine }

/** Checks a verb’s definition and keeps the types of its flags for `run`. */
export const defineCommand = <const F extends Flags>(command: Command<Context, F>): Command<Context> =>
  command as unknown as Command<Context>
