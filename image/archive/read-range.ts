/** Bytes of an open file, from wherever they are wanted: the file’s own position is left alone. */
import { read, readSync } from 'node:fs'
import { promisify } from 'node:util'
import { setTimeout } from 'node:timers/promises'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'

const CHUNK = 256 * 1024
const readAt = promisify(read)

export interface Range {
  readonly offset: number
  readonly length: number
}

/** Throws `data-loss` if the file ends before the range does. */
export const readRange = (fd: number, { offset, length }: Range, name: string): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let got = 0; got < length; ) {
    const count = readSync(fd, bytes, got, length - got, offset + got)
    if (count === 0) throw endsEarly(name, length - got)
    got += count
  }
  return bytes
}

export async function* streamRange(fd: number, range: Range, name: string, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (let left = range.length; left > 0; ) {
    signal?.throwIfAborted()
    const chunk = Buffer.allocUnsafe(Math.min(left, CHUNK))
    const { bytesRead } = await readAt(fd, chunk, 0, chunk.length, range.offset + range.length - left)
    if (bytesRead === 0) throw endsEarly(name, left)
    left -= bytesRead
    yield chunk.subarray(0, bytesRead)
  }
}

const SOON = 5

/** A pipe that somebody else has made non-blocking is tried again. */
export const whenReady = async <T>(attempt: () => Promise<T>): Promise<T> => {
  for (;;)
    try {
      return await attempt()
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      await setTimeout(SOON)
    }
}

/** From where the descriptor is to its end: for pipes. It is not closed, which a stream of node:fs would do whatever it is told. */
export async function* streamToEnd(fd: number, signal?: AbortSignal): AsyncGenerator<Uint8Array> {
  for (;;) {
    signal?.throwIfAborted()
    const { bytesRead, buffer } = await whenReady(() => readAt(fd, Buffer.allocUnsafe(CHUNK), 0, CHUNK, null))
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
  }
}

const endsEarly = (name: string, missing: number): WherryError =>
  new WherryError('data-loss', `${name}: the file ends ${missing} bytes early: it is truncated, make it again`)
