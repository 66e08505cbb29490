/** Copies between a pty’s master and our standard streams. One chunk is under way in each direction, so who does not read is waited for. */
import { read, readSync, write, writeSync } from 'node:fs'
import { F_GETFL, F_SETFL, O_NONBLOCK } from '../../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'

const CHUNK = 64 * 1024
/** How long to wait for a non-blocking descriptor; nothing tells us when it is ready. */
const PAUSE_MS = 10

const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, PAUSE_MS))

/** 0 at the end of the file. */
const readSome = async (fd: number, into: Buffer): Promise<number> => {
  for (;;) {
    try {
      return await new Promise<number>((resolve, reject) => {
        read(fd, into, 0, into.length, null, (error, length) => (error === null ? resolve(length) : reject(error)))
      })
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) await pause()
      else if (!isErrno(error, 'EINTR')) throw error
    }
  }
}

const writeWhole = async (fd: number, bytes: Uint8Array): Promise<void> => {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      const written = await new Promise<number>((resolve, reject) => {
        write(fd, rest, (error, length) => (error === null ? resolve(length) : reject(error)))
      })
      rest = rest.subarray(written)
    } catch (error) {
      if (isErrno(error, 'EAGAIN')) await pause()
      else if (!isErrno(error, 'EINTR')) throw error
    }
  }
}

/** The master is non-blocking, and Node’s thread pool would wait on it for all others. */
const feed = async (master: number, bytes: Uint8Array): Promise<void> => {
  for (let rest = bytes; rest.length > 0; ) {
    try {
      rest = rest.subarray(writeSync(master, rest))
    } catch (error) {
      if (!isErrno(error, 'EAGAIN')) throw error
      await pause()
    }
  }
}

export interface Pump {
  /** Passes on all output that was written by now; to be called when the process has ended. Then nobody reads the master any more. */
  finish(): Promise<void>
}

/** The other end has hung up, or the stream is none we can read. */
const GONE = ['EIO', 'EBADF', 'EPIPE', 'EISDIR', 'EINVAL', 'ENXIO', 'ECONNRESET', 'ENOTCONN']

/** Copies `input` to the master until it ends, which ends nothing else. */
const copyInput = async (input: number, master: number): Promise<void> => {
  const buffer = Buffer.allocUnsafe(CHUNK)
  try {
    for (let length = await readSome(input, buffer); length > 0; length = await readSome(input, buffer))
      await feed(master, buffer.subarray(0, length))
  } catch (error) {
    if (!isErrno(error, ...GONE)) throw error
  }
}

/** What can be read of the master without waiting. The kernel flushes the slave’s output before it says that there is none. */
const rest = (master: number): Buffer[] => {
  const chunks: Buffer[] = []
  for (;;) {
    const buffer = Buffer.allocUnsafe(CHUNK)
    try {
      const length = readSync(master, buffer)
      if (length === 0) return chunks
      chunks.push(buffer.subarray(0, length))
    } catch (error) {
      if (isErrno(error, 'EAGAIN', ...GONE)) return chunks
      if (!isErrno(error, 'EINTR')) throw error
    }
  }
}

/** Starts copying: `input` to the master, the master to `output`. Errors of a kind that no terminal has are thrown by finish(). */
export const startPump = async (master: number, input: number, output: number): Promise<Pump> => {
  const { ReadStream } = await import('node:tty')
  const stream = new ReadStream(master)
  // libuv does that for all but masters
  syscall('fcntl', [master, F_SETFL, syscall('fcntl', [master, F_GETFL]) | O_NONBLOCK])
  let failure: unknown
  let readable = true
  let unread = false
  let written: Promise<void> = Promise.resolve()
  /** In order; what nobody reads is thrown away, so that the container goes on. */
  const pass = (chunk: Uint8Array): Promise<void> => {
    written = written.then(async () => {
      if (unread) return
      try {
        await writeWhole(output, chunk)
      } catch (error) {
        unread = true
        if (!isErrno(error, ...GONE)) failure ??= error
      }
    })
    return written
  }
  stream.on('data', (chunk: Buffer) => {
    stream.pause()
    void pass(chunk).then(() => stream.resume())
  })
  stream.on('error', (error) => {
    readable = false
    if (!isErrno(error, ...GONE)) failure ??= error
  })
  stream.on('close', () => {
    readable = false
  })
  void copyInput(input, master).catch((error: unknown) => {
    failure ??= error
  })
  return {
    finish: async () => {
      await written
      stream.pause()
      // read() emits 'data' too
      stream.removeAllListeners('data')
      for (let chunk: Buffer | null = stream.read(); chunk !== null; chunk = stream.read()) void pass(chunk)
      if (readable) for (const chunk of rest(master)) void pass(chunk)
      await written
      if (failure !== undefined) throw failure
    },
  }
}
