/** What systemd wants to know of a service: sd_notify(3). */
import { closeSync } from 'node:fs'
import { SOCK_DGRAM } from '../../runtime/sys/abi/socket.ts'
import { sendFds } from '../../runtime/sys/scm.ts'
import { unixConnect } from '../../runtime/sys/unix.ts'

export type ServiceState = 'READY=1' | 'STOPPING=1'

/** @param socket of $NOTIFY_SOCKET: a path, or `@` and an abstract name; absent: nobody wants to know. */
export const notify = (socket: string | undefined, state: ServiceState): void => {
  if (socket === undefined || socket === '') return
  const fd = unixConnect(socket.replace(/^@/, '\0'), { type: SOCK_DGRAM })
  try {
    sendFds(fd, [], Buffer.from(`${state}\n`))
  } finally {
    closeSync(fd)
  }
}
