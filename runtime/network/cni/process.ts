/**
 * A plugin's process. By posix_spawn(3): Node's own way copies the page tables of all of its memory, and keeps everybody waiting, for several
 * milliseconds each time.
 */
import { closeSync, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { sleep } from '../../sleep.ts'
import { MFD_CLOEXEC } from '../../sys/abi/fcntl.ts'
import { signalName } from '../../sys/abi/signal.ts'
import { WNOHANG, wexitstatus, wifsignaled, wtermsig } from '../../sys/abi/wait.ts'
import { posixSpawn } from '../../sys/spawn.ts'
import { syscall, trySyscall } from '../../sys/syscall.ts'
import { socketpair } from '../../sys/unix.ts'

/** Milliseconds that a plugin may take. */
const PATIENCE = 60_000
/** Bytes of a result. */
const LARGEST = 4 << 20
const SIGKILL = 9
/** Milliseconds between two looks at a process that has closed its output. */
const [FIRST_PAUSE, LONGEST_PAUSE] = [1, 50]

export interface Ended {
  /** 0 where a signal ended it. */
  readonly status: number
  readonly signal: string | undefined
  readonly stdout: string
  readonly stderr: string
}

/** All that comes from it until nobody has the other end any more. */
const collect = (fd: number, tooMuch: () => void): Promise<string> =>
  new Promise((resolve) => {
    const chunks: Buffer[] = []
    let size = 0
    const socket = new Socket({ fd, readable: true, writable: false })
    socket.on('data', (chunk: Buffer) => {
      size += chunk.length
      if (size <= LARGEST) chunks.push(chunk)
      else tooMuch()
    })
    // a reset is an end too
    socket.on('error', () => {})
    socket.on('close', () => resolve(Buffer.concat(chunks).toString()))
  })

/** A file of nobody else's with this text, to be read from its beginning. */
const fileWith = (text: string): number => {
  const fd = syscall('memfd_create', ['wherry-cni', MFD_CLOEXEC])
  const bytes = Buffer.from(text)
  try {
    for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
  } catch (error) {
    closeSync(fd)
    throw error
  }
  return fd
}

const waited = async (pid: number): Promise<number> => {
  const status = Buffer.alloc(4)
  for (let pause = FIRST_PAUSE; syscall('wait4', [pid, status, WNOHANG, 0]) !== pid; pause = Math.min(pause * 2, LONGEST_PAUSE))
    await sleep(pause)
  return status.readInt32LE()
}

/** Resolves when it has ended, or was ended because it took too long or said too much. Throws SyscallError where it cannot be executed. */
export const execute = async (path: string, env: Readonly<Record<string, string>>, stdin: string): Promise<Ended> => {
  const out = socketpair()
  const err = socketpair()
  const input = fileWith(stdin)
  let pid: number
  try {
    const placements = [input, out[1], err[1]].map((from, to) => ({ from, to }))
    const variables = Object.entries(env).map(([name, value]) => `${name}=${value}`)
    // a process group of its own: plugins execute others, which must not go on when it is taken to be over
    pid = posixSpawn(path, [path], placements, { env: variables, group: true })
  } catch (error) {
    for (const fd of [out[0], err[0]]) closeSync(fd)
    throw error
  } finally {
    for (const fd of [input, out[1], err[1]]) closeSync(fd)
  }
  const end = (): void => void trySyscall('kill', -pid, SIGKILL)
  const timer = setTimeout(end, PATIENCE)
  try {
    const [stdout, stderr] = await Promise.all([collect(out[0], end), collect(err[0], end)])
    const status = await waited(pid)
    return wifsignaled(status)
      ? { status: 0, signal: signalName(wtermsig(status)) ?? 'a signal', stdout, stderr }
      : { status: wexitstatus(status), signal: undefined, stdout, stderr }
  } finally {
    clearTimeout(timer)
  }
}
