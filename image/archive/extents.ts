/** Where a sparse file has data: SEEK_DATA and SEEK_HOLE of lseek(2). */
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import type { Range } from './read-range.ts'

const SEEK_DATA = 3
const SEEK_HOLE = 4
/** A map of more parts than these is not worth it. */
const MOST_PARTS = 100_000

const seek = (fd: number, offset: number, whence: number): number | undefined => {
  const found = trySyscall('lseek', fd, offset, whence)
  if (found === -ERRNO.ENXIO || found === -ERRNO.EINVAL) return undefined
  if (found < 0) throw new SyscallError('lseek', -found)
  return found
}

/** Undefined if it has no holes to speak of, or too many. */
export const dataExtents = (fd: number, size: number): Range[] | undefined => {
  const parts: Range[] = []
  for (let at = 0; at < size; ) {
    const offset = seek(fd, at, SEEK_DATA)
    if (offset === undefined || offset >= size) break
    const end = Math.min(seek(fd, offset, SEEK_HOLE) ?? size, size)
    parts.push({ offset, length: end - offset })
    if (parts.length > MOST_PARTS) return undefined
    at = end
  }
  const [first] = parts
  return first?.offset === 0 && first.length === size ? undefined : parts
}

/** The map of GNU’s sparse format 1.0 for a file of `size` bytes, in whole blocks: it stands before the data. */
export const sparseMap = (data: readonly Range[], size: number): Buffer => {
  const last = data.at(-1)
  // GNU tar takes the end of the last part for the end of the file
  const parts = (last === undefined ? 0 : last.offset + last.length) === size ? data : [...data, { offset: size, length: 0 }]
  const text = [parts.length, ...parts.flatMap(({ offset, length }) => [offset, length])].map((number) => `${number}\n`).join('')
  return Buffer.concat([Buffer.from(text), Buffer.alloc((512 - (text.length % 512)) % 512)])
}
