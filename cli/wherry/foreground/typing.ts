/** What comes on our stdin goes to the container. */
import { read } from 'node:fs'
import type { Writable } from 'node:stream'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { DetachFilter } from './detach-keys.ts'

const CHUNK = 64 * 1024
/** Milliseconds to wait for a non-blocking descriptor; nothing tells us when it is ready. */
const PAUSE = 10
/** The other end has hung up, or the stream is none that can be read. */
const GONE = ['EIO', 'EBADF', 'EPIPE', 'EISDIR', 'EINVAL', 'ENXIO', 'ECONNRESET', 'ENOTCONN', 'ERR_STREAM_DESTROYED']

const readSome = (fd: number, into: Buffer): Promise<number> =>
  new Promise((resolve, reject) => {
    const look = (): void =>
      read(fd, into, 0, into.length, null, (error, length) => {
        if (error === null) resolve(length)
        else if (isErrno(error, 'EAGAIN')) setTimeout(look, PAUSE)
        else if (isErrno(error, 'EINTR')) look()
        else reject(error)
      })
    look()
  })

const write = (to: Writable, bytes: Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => to.write(bytes, (error) => (error ? reject(error) : resolve())))

export interface TypingOptions {
  readonly from: number
  readonly to: Writable
  readonly filter?: DetachFilter
}

/** Resolves to how it ended: all of it has come, the keys to leave have, or the container takes no more. */
export const passInput = async ({ from, to, filter }: TypingOptions): Promise<'end' | 'detached' | 'closed'> => {
  const buffer = Buffer.allocUnsafe(CHUNK)
  to.on('error', () => {}) // whoever writes is told
  for (;;) {
    let length: number
    try {
      length = await readSome(from, buffer)
    } catch (error) {
      if (isErrno(error, ...GONE)) return 'end'
      throw error
    }
    if (length === 0) return 'end'
    const { pass, detached } = filter?.push(buffer.subarray(0, length)) ?? { pass: buffer.subarray(0, length), detached: false }
    try {
      if (pass.length > 0) await write(to, pass)
    } catch (error) {
      if (isErrno(error, ...GONE)) return 'closed'
      throw error
    }
    if (detached) return 'detached'
  }
}
