/** Names in a folder as bytes, getdents64(2): what is in a layer need not be UTF-8. */
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'

/** struct linux_dirent64, getdents64(2). */
const DIRENT = { d_reclen: 16, d_type: 18, d_name: 19 } as const
export const DT_DIR = 4

export interface Dirent {
  /** With its NUL, as system calls take it: names are bytes. */
  readonly name: Uint8Array
  readonly type: number
}

const DOT = 0x2e

/** The next entries of a folder, none at its end; without `.` and `..`. */
export const readFolder = (fd: number, buffer: Buffer): { readonly entries: Dirent[]; readonly end: boolean } => {
  const length = trySyscall('getdents64', fd, buffer, buffer.length)
  // a folder that was removed while it is open
  if (length === -ERRNO.ENOENT) return { entries: [], end: true }
  if (length < 0) throw new SyscallError('getdents64', -length, { args: [`fd=${fd}`] })
  const entries: Dirent[] = []
  for (let at = 0; at < length; ) {
    const next = at + buffer.readUInt16LE(at + DIRENT.d_reclen)
    const start = at + DIRENT.d_name
    const name = buffer.subarray(start, buffer.indexOf(0, start) + 1)
    const dots = name.length <= 3 && name[0] === DOT && (name.length === 2 || name[1] === DOT)
    if (!dots || name.length === 1) entries.push({ name: Uint8Array.from(name), type: buffer[at + DIRENT.d_type]! })
    at = next
  }
  return { entries, end: length === 0 }
}
