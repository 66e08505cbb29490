import type { RemoteStreams } from '../types.ts'
import type { Status } from './status.ts'

/** What exec and attach are done with, whatever it is spoken over. */
export interface Session extends RemoteStreams {
  /** Tells the client how it ended, behind all that was written, and lets it go. Once. */
  finish(status: Status): void
}

/** What was asked for by RPC. */
export interface Wanted {
  readonly stdin: boolean
  readonly stdout: boolean
  readonly stderr: boolean
  readonly tty: boolean
}
