/**
 * Deleting a tree whose makers are hostile: by descriptors, no link is followed, no path is too long, no depth too deep.
 *
 * What lies deeper than DEPTH is moved up to the top folder, so that a few descriptors do for any tree.
 */
import { closeSync } from 'node:fs'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_PATH, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH, syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { monotonic } from '../../runtime/sys/clock.ts'
import { type Dirent, DT_DIR, readFolder } from './read-folder.ts'

const DEPTH = 64
const BUFFER = 64 * 1024
/** Milliseconds after which others have their turn. */
const TURN = 10

const openFolder = (parent: number, name: Uint8Array | string): number => {
  const flags = O_RDONLY | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC
  const fd = trySyscall('openat', parent, name, flags, 0)
  if (fd !== -ERRNO.EACCES) return fd
  // a folder without rights for its owner: rootless, root may do anything
  const handle = trySyscall('openat', parent, name, O_PATH | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC, 0)
  if (handle < 0) return handle
  try {
    const result = trySyscall('fchmodat', AT_FDCWD, `/proc/self/fd/${handle}`, 0o700)
    return result < 0 ? result : trySyscall('openat', parent, name, flags, 0)
  } finally {
    closeSync(handle)
  }
}

/** unlinkat(2); a folder that its owner may not write to (rootless: root may) is made writable first. */
const unlinkIn = (parent: number, name: Uint8Array, flags: number): number => {
  const result = trySyscall('unlinkat', parent, name, flags)
  if (result !== -ERRNO.EACCES || trySyscall('fchmod', parent, 0o700) < 0) return result
  return trySyscall('unlinkat', parent, name, flags)
}

const gone = (result: number): boolean => result === -ERRNO.ENOENT

/** Deletes `path`, whatever it is. Gives way to other work in between. Idempotent, also while others delete the same. */
export const removeTree = async (path: string): Promise<void> => {
  const single = trySyscall('unlinkat', AT_FDCWD, path, 0)
  if (single === 0 || gone(single)) return
  if (single !== -ERRNO.EISDIR && single !== -ERRNO.EPERM) throw new SyscallError('unlinkat', -single, { args: [path] })
  const top = openFolder(AT_FDCWD, path)
  if (gone(top)) return
  if (top < 0) throw new SyscallError('openat', -top, { args: [path] })
  try {
    await empty(top, path)
  } finally {
    closeSync(top)
  }
  const last = trySyscall('unlinkat', AT_FDCWD, path, AT_REMOVEDIR)
  if (last < 0 && !gone(last)) throw new SyscallError('unlinkat', -last, { args: [path] })
}

const empty = async (top: number, path: string): Promise<void> => {
  const buffer = Buffer.allocUnsafe(BUFFER)
  let moved = 0
  let turn = monotonic()

  const fail = (call: string, result: number): never => {
    throw new SyscallError(call, -result, { args: [`in ${path}`] })
  }

  /** Returns after nothing was found in it twice: deleting while reading may skip entries. */
  const clear = async (fd: number, depth: number): Promise<void> => {
    for (;;) {
      let found = 0
      for (;;) {
        const { entries, end } = readFolder(fd, buffer)
        if (end) break
        found += entries.length
        for (const entry of entries) await remove(fd, entry, depth)
      }
      if (found === 0) return
      syscall('lseek', [fd, 0, 0])
    }
  }

  const remove = async (parent: number, { name, type }: Dirent, depth: number): Promise<void> => {
    if (monotonic() - turn > TURN) {
      await new Promise(setImmediate)
      turn = monotonic()
    }
    if (type !== DT_DIR) {
      const result = unlinkIn(parent, name, 0)
      if (result === 0 || gone(result)) return
      if (result !== -ERRNO.EISDIR) fail('unlinkat', result)
    }
    let result = unlinkIn(parent, name, AT_REMOVEDIR)
    if (result === 0 || gone(result)) return
    if (result !== -ERRNO.ENOTEMPTY && result !== -ERRNO.EEXIST) fail('unlinkat', result)
    if (depth >= DEPTH) {
      // names of this form may be in the tree itself: then the next number
      do result = trySyscall('renameat2', parent, name, top, `deep-${moved++}`, 1)
      while (result === -ERRNO.EEXIST)
      if (result < 0 && !gone(result)) fail('renameat2', result)
      return
    }
    const fd = openFolder(parent, name)
    if (gone(fd)) return
    if (fd < 0) fail('openat', fd)
    try {
      await clear(fd, depth + 1)
    } finally {
      closeSync(fd)
    }
    result = trySyscall('unlinkat', parent, name, AT_REMOVEDIR)
    if (result < 0 && !gone(result)) fail('unlinkat', result)
  }

  await clear(top, 0)
}
