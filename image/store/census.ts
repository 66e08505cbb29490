/** Counting what is in a folder: so that it can be told later whether something is missing, and what it takes on the disk. */
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, O_CLOEXEC, O_DIRECTORY, O_NOFOLLOW, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { S_IFDIR, S_IFMT, S_IFREG, STATX, STATX_BASIC_STATS } from '../../runtime/sys/abi/stat.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { ARCH, syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { readFolder } from './read-folder.ts'

export interface Census {
  /** Names in it, without its own. */
  readonly entries: number
  /** Sizes of the regular files; one with several names counts once. */
  readonly bytes: number
  /** What it takes on the disk, st_blocks, its own included. */
  readonly disk: number
}

const BUFFER = 64 * 1024
const BLOCK = 512
/** Milliseconds after which others have their turn. */
const TURN = 10

/** Of `path` and what is below it. Follows no link; gives way to other work in between. Throws the signal's reason. */
export const takeCensus = async (path: string, signal?: AbortSignal): Promise<Census> => {
  const buffer = Buffer.allocUnsafe(BUFFER)
  const statx = Buffer.alloc(STATX.size)
  /** Inodes with several names that were met. */
  const met = new Set<bigint>()
  let [entries, bytes, disk] = [0, 0, 0]
  let turn = performance.now()

  /** True for a folder. What goes meanwhile does not count. */
  const look = (parent: number, name: Uint8Array | string, flags: number): boolean => {
    const result = trySyscall('statx', parent, name, flags, STATX_BASIC_STATS, statx)
    if (result === -ERRNO.ENOENT) return false
    if (result < 0) throw new SyscallError('statx', -result, { args: [`in ${path}`] })
    entries++
    const type = statx.readUInt16LE(STATX.stx_mode) & S_IFMT
    if (type !== S_IFDIR && statx.readUInt32LE(STATX.stx_nlink) > 1) {
      const inode = statx.readBigUInt64LE(STATX.stx_ino)
      if (met.has(inode)) return false
      met.add(inode)
    }
    disk += Number(statx.readBigUInt64LE(STATX.stx_blocks)) * BLOCK
    if (type === S_IFREG) bytes += Number(statx.readBigUInt64LE(STATX.stx_size))
    return type === S_IFDIR
  }

  const openFolder = (parent: number, name: Uint8Array | string): number =>
    syscall('openat', [parent, name, O_RDONLY | O_DIRECTORY[ARCH] | O_NOFOLLOW[ARCH] | O_CLOEXEC, 0])

  const walk = async (fd: number): Promise<void> => {
    const folders: Uint8Array[] = []
    for (;;) {
      const batch = readFolder(fd, buffer)
      if (batch.end) break
      for (const { name } of batch.entries) {
        if (look(fd, name, AT_SYMLINK_NOFOLLOW)) folders.push(name)
      }
      if (performance.now() - turn > TURN) {
        await new Promise(setImmediate)
        signal?.throwIfAborted()
        turn = performance.now()
      }
    }
    for (const name of folders) {
      const child = openFolder(fd, name)
      try {
        await walk(child)
      } finally {
        syscall('close', [child])
      }
    }
  }

  const top = openFolder(AT_FDCWD, path)
  try {
    look(top, '', AT_EMPTY_PATH)
    await walk(top)
  } finally {
    syscall('close', [top])
  }
  return { entries: entries - 1, bytes, disk }
}
