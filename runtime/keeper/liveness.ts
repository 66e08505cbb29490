/** Whether a keeper lives: a connection to its socket ends when it does. No thread waits for that. */
import { closeSync, constants, openSync } from 'node:fs'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { isErrno } from '../sys/error.ts'
import { RUN } from './layout.ts'

/** Loaded when something is watched: who starts a short container never does. */
const connect = (path: string): Socket => process.getBuiltinModule('node:net').connect(path)

/** Longest path in struct sockaddr_un with its NUL. */
const LONGEST = 107

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

/** @param alive is called once it is sure that there is a keeper. */
export const watchKeeper = (run: string, alive: () => void = () => {}): Liveness => {
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
    socket.once('connect', () => {
      release()
      alive()
    })
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

/** Whether there is no keeper of the folder, asked once: only a keeper listens there. */
export const isKeeperGone = (run: string): Promise<boolean> =>
  new Promise((resolve, reject) => {
    const keeper = watchKeeper(run, () => {
      resolve(false)
      keeper.close()
    })
    keeper.ended.then(() => resolve(true), reject)
  })
