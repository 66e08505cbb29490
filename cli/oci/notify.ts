/** $NOTIFY_SOCKET of our caller, mostly systemd: it is told when a container is ready, as runc does. sd_notify(3). */
import { closeSync, read } from 'node:fs'
import type { NotifySocket } from '../../runtime/container/notify.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import { O_CLOEXEC } from '../../runtime/sys/abi/fcntl.ts'
import { SOCK_DGRAM } from '../../runtime/sys/abi/socket.ts'
import { sendFds } from '../../runtime/sys/scm.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { unixConnect } from '../../runtime/sys/unix.ts'
import { describe } from '../support/describe.ts'
import type { Log } from './log.ts'

/** Milliseconds that the other side may take for what it was told, as runc. */
const BARRIER = 30_000

/** A path, or `@` and a name in the abstract namespace; undefined where nobody wants to be told. */
export const hostNotifySocket = (): string | undefined => process.env['NOTIFY_SOCKET'] || undefined

const endOfFile = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    read(fd, Buffer.alloc(1), 0, 1, null, (error) => {
      closeSync(fd)
      if (error === null) resolve()
      else reject(error)
    })
  })

/** Waits until all that was sent is dealt with: then its sender may end, sd_notify_barrier(3). False where that takes too long. */
const barrier = async (socket: number): Promise<boolean> => {
  const pipe = Buffer.alloc(8)
  syscall('pipe2', [pipe, O_CLOEXEC])
  const [ours, theirs] = [pipe.readInt32LE(0), pipe.readInt32LE(4)]
  try {
    sendFds(socket, [theirs], Buffer.from('BARRIER=1'))
  } catch (error) {
    closeSync(ours)
    throw error
  } finally {
    closeSync(theirs)
  }
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>((resolve) => {
    timer = setTimeout(() => resolve(false), BARRIER)
  })
  try {
    return await Promise.race([endOfFile(ours).then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}

export interface Readiness {
  /** The process that systemd is to take for the service. */
  readonly mainPid: number
  /** Whose end ends the wait; without it `stop` of the container's socket does. */
  readonly init?: ProcessId
  readonly log: Log
}

/** Waits for the container to be ready, and tells. A container that runs is not worth ending for what fails here: it is a warning. */
export const passOnReadiness = async (container: NotifySocket, { mainPid, init, log }: Readiness): Promise<void> => {
  const host = hostNotifySocket()!
  try {
    const socket = unixConnect(host.replace(/^@/, '\0'), { type: SOCK_DGRAM })
    try {
      if (!(await container.ready(init))) return
      for (const line of ['READY=1\n', `MAINPID=${mainPid}\n`]) sendFds(socket, [], Buffer.from(line))
      if (!(await barrier(socket))) log.warn(`NOTIFY_SOCKET=${host}: BARRIER=1 is not answered within ${BARRIER / 1000} s`)
    } finally {
      closeSync(socket)
    }
  } catch (error) {
    log.warn(`NOTIFY_SOCKET=${host} is not told that the container is ready: ${describe(error)}`)
  } finally {
    container.close()
  }
}
