/** The content that a tmpcopyup mount starts with: the folder it covers, copied entry by entry. */
import type { Operand } from '../program/operand.ts'
import { AT_EMPTY_PATH, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } from '../sys/abi/fcntl.ts'
import { S_IFDIR, S_IFLNK, S_IFMT, S_IFREG } from '../sys/abi/stat.ts'
import type { CopyEntry, Emit } from './plan.ts'
import { openInRoot } from './resolve.ts'

/** In a user namespace that is joined by path not every owner may have an id: then it is root's. */
const UNMAPPED = { tolerate: ['EINVAL'] } as const

/** Copies `entries` of the folder `from` into the folder `to`, with owners and modes. */
export const emitCopy = ({ p }: Emit<unknown>, from: Operand, to: Operand, entries: readonly CopyEntry[]): void => {
  for (const { path, mode, uid, gid, size, rdev, link } of entries) {
    const type = mode & S_IFMT
    if (path === '') {
      p.call('fchownat', [to, '', uid, gid, AT_EMPTY_PATH], UNMAPPED)
      p.call('fchmodat', [to, '.', mode & 0o7777])
      continue
    }
    if (type === S_IFDIR) p.call('mkdirat', [to, path, 0o700])
    else if (type === S_IFLNK) p.call('symlinkat', [link!, to, path])
    else if (type === S_IFREG) {
      const source = openInRoot(p, from, path, { flags: O_CLOEXEC | O_NOFOLLOW[p.arch] })
      const target = p.call('openat', [to, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o600])
      const more = p.label()
      p.place(more)
      if (size > 0) p.call('sendfile', [target, source, 0, 0x7ffff000], { positive: more })
      p.call('close', [target])
      p.call('close', [source])
    } else p.call('mknodat', [to, path, mode, rdev])
    p.call('fchownat', [to, path, uid, gid, AT_SYMLINK_NOFOLLOW], UNMAPPED)
    if (type !== S_IFLNK) p.call('fchmodat', [to, path, mode & 0o7777])
  }
}
