/** Whether a keeper lives: a connection to its socket ends when it does. No thread waits for that. */
import { closeSync, constants, openSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { isErrno } from '../sys/error.ts'
import { RUN } from './layout.ts'

/** Longest path in struct sockaddr_un with its NUL. */
const LONGEST = 107
/** Milliseconds after which a connection that has not ended tells that it will not. */
const PATIENCE = 50

/** Connects to the socket of a run folder however long its path is. */
const connectTo = (run: string): { socket: Socket; folder: number | undefined } => {
  const path = join(run, RUN.socket)
  if (Buffer.byteLength(path) <= LONGEST) return { socket: connect(path), folder: undefined }
  const folder = openSync(run, constants.O_RDONLY | constants.O_DIRECTORY)
  return { socket: connect(`/proc/self/fd/${folder}/${RUN.socket}`), folder }
}

export interface Liveness {
  /** Resolves when the keeper of the folder is gone, or was not there. */
  readonly ended: Promise<void>
  /** Lets go of it; `ended` resolves. */
  close(): void
}

export const watchKeeper = (run: string): Liveness => {
  let socket: Socket | undefined
  const ended = new Promise<void>((resolve, reject) => {
    let opened: ReturnType<typeof connectTo>
    try {
      opened = connectTo(run)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return resolve()
      return reject(error)
    }
    socket = opened.socket
    const release = () => {
      if (opened.folder !== undefined) closeSync(opened.folder)
      opened = { ...opened, folder: undefined }
    }
    let failure: unknown
    socket.once('connect', release)
    // nobody sends anything here, but the end of the file is only seen by who reads
    socket.resume()
    socket.once('error', (error) => {
      failure = error
    })
    socket.once('close', () => {
      release()
      const gone = failure === undefined || isErrno(failure, 'ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'ENOTSOCK', 'EPIPE')
      if (gone) resolve()
      else reject(failure)
    })
  })
  return { ended, close: () => socket?.destroy() }
}

/** Whether the keeper of a folder is gone, asked once. */
export const isKeeperGone = async (run: string): Promise<boolean> => {
  const keeper = watchKeeper(run)
  const soon = new AbortController()
  try {
    return await Promise.race([keeper.ended.then(() => true), sleep(PATIENCE, false, { signal: soon.signal })])
  } finally {
    soon.abort()
    keeper.close()
  }
}
