/**
 * What a tree takes on the disk while its container writes in it. The tree may be deeper than any path can name and than there are
 * descriptors, and folders may be moved meanwhile: no more than a few folders are open at once, and the way up is by `..`, if it leads to
 * where the way down came from.
 */
import { closeSync } from 'node:fs'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { S_IFDIR, S_IFMT, STATX, STATX_BASIC_STATS } from '../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH, trySyscall } from '../../runtime/sys/syscall.ts'
import { readFolder } from '../../image/store/read-folder.ts'

export interface TreeUsage {
  /** Bytes, st_blocks, of the tree and its top. */
  readonly bytes: number
  readonly inodes: number
}

const BUFFER = 32 * 1024
const BLOCK = 512
/** Milliseconds after which others have their turn. */
const TURN = 5
/** Levels whose folders stay open. */
const OPEN_LEVELS = 32
const FLAGS = O_RDONLY | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC

interface Level {
  /** -1: closed, to be found again from below. */
  readonly fd: number
  readonly inode: bigint
  /** Names of folders that are yet to be looked at. */
  readonly folders: Uint8Array[]
}

interface Entry {
  readonly inode: bigint
  readonly folder: boolean
  readonly links: number
  readonly blocks: number
}

const statx = Buffer.alloc(STATX.size)

/** Undefined: it is gone. */
const look = (parent: number, name: Uint8Array | string, flags: number): Entry | undefined => {
  const result = trySyscall('statx', parent, name, flags, STATX_BASIC_STATS, statx)
  if (result === -ERRNO.ENOENT) return undefined
  if (result < 0) throw new SyscallError('statx', -result, { args: [`fd=${parent}`] })
  return {
    inode: statx.readBigUInt64LE(STATX.stx_ino),
    folder: (statx.readUInt16LE(STATX.stx_mode) & S_IFMT) === S_IFDIR,
    links: statx.readUInt32LE(STATX.stx_nlink),
    blocks: Number(statx.readBigUInt64LE(STATX.stx_blocks)),
  }
}

/** What was there a moment ago is gone, or something else by now. */
const MOVED: readonly number[] = [ERRNO.ENOENT, ERRNO.ENOTDIR, ERRNO.ELOOP]

/** Negative: what was a folder is gone, or something else by now. */
const openFolder = (parent: number, name: Uint8Array | string): number => {
  const fd = trySyscall('openat', parent, name, FLAGS, 0)
  if (fd < 0 && !MOVED.includes(-fd)) throw new SyscallError('openat', -fd, { args: [`fd=${parent}`] })
  return fd
}

/** Undefined if there is no folder at `path`. @param pace called every few milliseconds, to let others have their turn */
export const treeUsage = async (
  path: string,
  pace: () => Promise<unknown> = () => new Promise(setImmediate),
): Promise<TreeUsage | undefined> => {
  const buffer = Buffer.allocUnsafe(BUFFER)
  /** Inodes with several names that were met. */
  const met = new Set<bigint>()
  const levels: Level[] = []
  let [blocks, inodes] = [0, 0]
  let turn = performance.now()
  let current = openFolder(AT_FDCWD, path)
  if (current < 0) return undefined

  const giveWay = async (): Promise<void> => {
    if (performance.now() - turn < TURN) return
    await pace()
    turn = performance.now()
  }

  /** Counts what is in the current folder, and goes down into it. */
  const enter = async (): Promise<void> => {
    const own = look(current, '', AT_EMPTY_PATH)
    const folders: Uint8Array[] = []
    // below another mount than the one that was looked at there is nothing: an upper folder has no mounts
    levels.push({ fd: levels.length < OPEN_LEVELS ? current : -1, inode: own?.inode ?? 0n, folders })
    for (;;) {
      const batch = readFolder(current, buffer)
      if (batch.end) return
      for (const { name } of batch.entries) {
        const entry = look(current, name, AT_SYMLINK_NOFOLLOW)
        if (entry === undefined) continue
        if (entry.folder) folders.push(name)
        else if (entry.links > 1) {
          if (met.has(entry.inode)) continue
          met.add(entry.inode)
        }
        blocks += entry.blocks
        inodes += 1
      }
      await giveWay()
    }
  }

  /** To the level above; to the nearest one that is open where that is not where it was any more. */
  const leave = (): void => {
    levels.pop()
    const above = levels.at(-1)
    const left = current
    current = -1
    try {
      if (above === undefined) return
      if (above.fd >= 0) {
        current = above.fd
        return
      }
      const fd = openFolder(left, '..')
      if (fd >= 0 && look(fd, '', AT_EMPTY_PATH)?.inode === above.inode) {
        current = fd
        return
      }
      if (fd >= 0) closeSync(fd)
      while (levels.at(-1)!.fd < 0) levels.pop()
      current = levels.at(-1)!.fd
    } finally {
      closeSync(left)
    }
  }

  try {
    const top = look(current, '', AT_EMPTY_PATH)
    blocks += top?.blocks ?? 0
    inodes += 1
    await enter()
    while (levels.length > 0) {
      const name = levels.at(-1)!.folders.pop()
      if (name === undefined) {
        leave()
        continue
      }
      const child = openFolder(current, name)
      if (child < 0) continue
      if (levels.at(-1)!.fd < 0) closeSync(current)
      current = child
      await enter()
    }
    return { bytes: blocks * BLOCK, inodes }
  } finally {
    const open = new Set([current, ...levels.map(({ fd }) => fd)])
    for (const fd of open) if (fd >= 0) closeSync(fd)
  }
}
