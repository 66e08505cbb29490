/** Writes that are complete when they return. process.stdout is not used: to load it costs more than many a verb. */
import { writeSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'

const PAUSE_MS = 5
const never = new Int32Array(new SharedArrayBuffer(4))

/** Writes all of it; waits where the other end has made the descriptor non-blocking and does not read. */
export const writeAll = (fd: number, data: string | Uint8Array): void => {
  let rest = typeof data === 'string' ? Buffer.from(data) : data
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(fd, rest))
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) Atomics.wait(never, 0, 0, PAUSE_MS)
      else if (!isErrno(error, 'EINTR')) throw error
    }
  }
}

/** Nobody reads what we print. */
export class OutputClosed extends Error {
  readonly code = 'EPIPE'
}

/** Data, on stdout. Throws `OutputClosed` where nobody reads it. */
export const print = (text: string | Uint8Array): void => {
  try {
    writeAll(1, text)
  } catch (error) {
    if (isErrno(error, 'EPIPE')) throw new OutputClosed((error as Error).message, { cause: error })
    throw error
  }
}

/** Messages, on stderr; where nobody can read them they are dropped, because there is nobody to tell. */
export const complain = (text: string | Uint8Array): void => {
  try {
    writeAll(2, text)
  } catch (error) {
    if (!isErrno(error, 'EPIPE', 'EBADF', 'EIO', 'ENOSPC')) throw error
  }
}
