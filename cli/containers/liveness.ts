/** What has become of a run, asked without waiting. */
import { closeSync } from 'node:fs'
import type { ExitRecord } from '../../runtime/keeper/exit.ts'
import { readOutcome } from '../../runtime/keeper/wait.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { unixConnect } from '../../runtime/sys/unix.ts'
import { isChildOf } from '../../runtime/container/process-id.ts'
import { type Home, keeperFolders, placesOf } from './home.ts'
import type { RunRecord } from './run-record.ts'

/** Whether the container has its keeper: only a keeper listens there. */
export const hasKeeper = (home: Home, id: string): boolean => {
  try {
    closeSync(unixConnect(`${placesOf(home, id).keeper}/ctl`))
    return true
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED', 'ENOTDIR')) return false
    throw error
  }
}

export type Progress =
  | { readonly kind: 'runs' }
  /** Its init has ended, or is nobody's any more; the keeper has recorded it, unless it was killed itself. */
  | { readonly kind: 'ended'; readonly outcome: ExitRecord | undefined }

/** Whether a run goes on for sure, by one look at its init. */
export const goesOn = ({ init, keeper }: RunRecord): boolean => init !== undefined && keeper !== undefined && isChildOf(init, keeper)

/** Of a run whose record says `running`. */
export const progressOf = (home: Home, id: string): Progress => {
  const folders = keeperFolders(home, id)
  const outcome = readOutcome(folders)
  if (outcome !== undefined) return { kind: 'ended', outcome }
  // while the keeper reads the last output init has ended already, and the record is to come
  if (hasKeeper(home, id)) return { kind: 'runs' }
  // the record is there before the socket goes
  return { kind: 'ended', outcome: readOutcome(folders) }
}
