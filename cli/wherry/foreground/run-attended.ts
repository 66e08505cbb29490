/** A container that is started under our eyes, from before its first byte of output until it has been cleaned up behind. */
import { WherryError } from '../../../runtime/errors.ts'
import type { Kept } from '../../../runtime/container/kept.ts'
import type { ContainerConfig } from '../../containers/config.ts'
import type { Home } from '../../containers/home.ts'
import { locked } from '../../containers/lock.ts'
import { settle } from '../../containers/settle.ts'
import { type Attendance, attend, type AttendOptions } from './attend.ts'

export type AttendedOptions = Omit<AttendOptions, 'id' | 'terminal' | 'closesStdin'>

export interface Attended {
  /** For StartOptions. */
  readonly ready: (kept: Kept, config: ContainerConfig) => Promise<void>
  /** Once it is started: its exit status, when it has ended and nothing is left to be done, or 0 if the user has left it. */
  finish(): Promise<number>
  /** After a failure. */
  close(): Promise<void>
}

const DETACHED = 0

export const startAttended = (home: Home, options: AttendedOptions): Attended => {
  let attendance: Attendance | undefined
  let made: { readonly kept: Kept; readonly config: ContainerConfig } | undefined
  return {
    async ready(kept, config) {
      made = { kept, config }
      attendance = await attend(home, {
        ...options,
        id: config.id,
        subscriber: kept.keeper,
        terminal: config.request.tty,
        closesStdin: true,
      })
    },
    async finish() {
      const { kept, config } = made!
      const how = await attendance!.watch()
      await attendance!.close()
      if (how === 'detached') {
        kept.keeper.detach()
        return DETACHED
      }
      const outcome = await kept.keeper.ended()
      await locked(home, config.id, () => settle(home, config.id))
      kept.keeper.acknowledge()
      if (outcome !== undefined) return outcome.exitCode
      throw new WherryError('data-loss', `container ${config.name}: its keeper was killed, so nobody knows how it ended`)
    },
    async close() {
      await attendance?.close()
    },
  }
}
