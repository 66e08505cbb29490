/** A spool folder that is watched by a descriptor, inotify(7): for who waits by poll(2) for that and for other things. */
import { closeSync } from 'node:fs'
import { ERRNO } from '../sys/abi/errno.ts'
import { IN_CLOEXEC, IN_CREATE, IN_MODIFY, IN_MOVED_TO, IN_NONBLOCK, IN_Q_OVERFLOW, INOTIFY_EVENT } from '../sys/abi/inotify.ts'
import { SyscallError } from '../sys/error.ts'
import { syscall, trySyscall } from '../sys/syscall.ts'
import { SPOOL } from './layout.ts'

const CHUNK = 4096

export interface SpoolChange {
  /** There may be more to read. */
  readonly content: boolean
  /** The exit record may be there. */
  readonly exit: boolean
}

export class SpoolWatch {
  /** Readable when something has changed. Undefined where inotify’s limits are reached: then one has to look from time to time. */
  readonly fd: number | undefined

  constructor(folder: string) {
    const fd = trySyscall('inotify_init1', IN_NONBLOCK | IN_CLOEXEC)
    if (fd < 0) {
      if (fd !== -ERRNO.EMFILE && fd !== -ERRNO.ENFILE && fd !== -ERRNO.ENOMEM) throw new SyscallError('inotify_init1', -fd)
      return
    }
    const added = trySyscall('inotify_add_watch', fd, folder, IN_MODIFY | IN_MOVED_TO | IN_CREATE)
    if (added >= 0) {
      this.fd = fd
      return
    }
    closeSync(fd)
    // max_user_watches
    if (added !== -ERRNO.ENOSPC && added !== -ERRNO.ENOMEM) throw new SyscallError('inotify_add_watch', -added, { args: [folder] })
  }

  /** What has changed since the last call. */
  take(): SpoolChange {
    if (this.fd === undefined) return { content: true, exit: true }
    let [content, exit] = [false, false]
    const bytes = Buffer.alloc(CHUNK)
    for (;;) {
      const length = trySyscall('read', this.fd, bytes, bytes.length)
      if (length === -ERRNO.EINTR) continue
      if (length === -ERRNO.EAGAIN || length === 0) return { content, exit }
      if (length < 0) syscall('read', [this.fd, bytes, bytes.length])
      for (let at = 0; at < length; ) {
        const mask = bytes.readUInt32LE(at + INOTIFY_EVENT.mask)
        const end = at + INOTIFY_EVENT.size + bytes.readUInt32LE(at + INOTIFY_EVENT.len)
        const name = bytes.toString('latin1', at + INOTIFY_EVENT.size, end).replace(/\0.*$/, '')
        if ((mask & IN_Q_OVERFLOW) !== 0) [content, exit] = [true, true]
        else if (name === SPOOL.exit) exit = true
        else content = true
        at = end
      }
    }
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd)
  }
}
