/**
 * Removes what containers have written. Their trees may be deeper than any path can name, have names that are no text, and folders
 * that nobody may enter: nothing is named by more than one component, and no more than two folders are open at once.
 */
import { chmodSync, closeSync, lstatSync, readdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { ERRNO } from '../sys/abi/errno.ts'
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../sys/abi/fcntl.ts'
import { RENAME_NOREPLACE } from '../sys/abi/fcntl.ts'
import { isErrno, SyscallError } from '../sys/error.ts'
import { ARCH, trySyscall } from '../sys/syscall.ts'
import { unlimitSize } from './quota.ts'

const FLAGS = O_RDONLY | O_CLOEXEC | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH]

const name = (bytes: Buffer): Uint8Array => Buffer.concat([bytes, Buffer.alloc(1)])

const check = (result: number, call: string, what: string): number => {
  if (result < 0) throw new SyscallError(call, -result, { args: [what] })
  return result
}

const open = (folder: number, entry: Uint8Array, what: string): number => {
  let fd = trySyscall('openat', folder, entry, FLAGS, 0)
  if (fd === -ERRNO.EACCES) {
    check(trySyscall('fchmodat', folder, entry, 0o700), 'fchmodat', what)
    fd = trySyscall('openat', folder, entry, FLAGS, 0)
  }
  return check(fd, 'openat', what)
}

const entries = (fd: number): Buffer[] => readdirSync(`/proc/self/fd/${fd}`, { encoding: 'buffer' })

/** True for what was no folder, and is gone. */
const unlink = (folder: number, entry: Uint8Array, what: string): boolean => {
  const result = trySyscall('unlinkat', folder, entry, 0)
  if (result === -ERRNO.EISDIR) return false
  if (result !== -ERRNO.ENOENT) check(result, 'unlinkat', what)
  return true
}

/** Empties the folder: folders within folders are moved up to it, so that none is deep. */
const flatten = (root: number, path: string): void => {
  let moved = 0
  const moveUp = (folder: number, entry: Uint8Array): void => {
    for (;;) {
      const result = trySyscall('renameat2', folder, entry, root, `moved-${moved}`, RENAME_NOREPLACE)
      moved += 1
      if (result === -ERRNO.EEXIST) continue
      if (result === -ERRNO.EACCES)
        check(trySyscall('fchmodat', folder, entry, 0o700), 'fchmodat', path) // its `..` changes
      else {
        check(result, 'renameat2', path)
        return
      }
    }
  }
  for (let found = entries(root); found.length > 0; found = entries(root))
    for (const entry of found.map(name)) {
      if (unlink(root, entry, path)) continue
      const folder = open(root, entry, path)
      try {
        for (const below of entries(folder).map(name)) if (!unlink(folder, below, path)) moveUp(folder, below)
      } finally {
        closeSync(folder)
      }
      check(trySyscall('unlinkat', root, entry, AT_REMOVEDIR), 'unlinkat', path)
    }
}

/** Removes the tree at `path`, whatever is in it; nothing if there is none. Links are not followed. */
export const removeTree = async (path: string): Promise<void> => {
  try {
    await rm(path, { recursive: true, force: true })
    return
  } catch (error) {
    if (!isErrno(error, 'ENAMETOOLONG', 'EACCES', 'EPERM', 'ENOTEMPTY', 'EMFILE', 'EILSEQ', 'ELOOP', 'ENOENT')) throw error
  }
  if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return
  const parent = check(trySyscall('openat', AT_FDCWD, dirname(path), O_RDONLY | O_CLOEXEC | O_DIRECTORY[ARCH], 0), 'openat', dirname(path))
  try {
    const own = name(Buffer.from(basename(path)))
    const root = open(parent, own, path)
    try {
      flatten(root, path)
    } finally {
      closeSync(root)
    }
    check(trySyscall('unlinkat', parent, own, AT_REMOVEDIR), 'unlinkat', path)
  } finally {
    closeSync(parent)
  }
}

/** Removes the upper and the work folder of a container that has ended, and the limit of their size. Idempotent. */
export const removeUpper = async ({ upper, work }: { readonly upper: string; readonly work: string }): Promise<void> => {
  if (lstatSync(upper, { throwIfNoEntry: false })?.isDirectory() === true) unlimitSize(upper)
  await removeTree(upper)
  const inner = `${work}/work` // overlay makes it so that nobody may enter it
  if (lstatSync(inner, { throwIfNoEntry: false })?.isDirectory() === true) chmodSync(inner, 0o700)
  await removeTree(work)
}
