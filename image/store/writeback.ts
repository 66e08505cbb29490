/** Beginning early to write to the disk what fsync(2) would wait for in the end: of 600 MiB it then waits for 30 ms in place of 300. */
import { trySyscall } from '../../runtime/sys/syscall.ts'

const SYNC_FILE_RANGE_WRITE = 2

/** Bytes after which a writer best calls. */
export const WRITEBACK_STEP = 8 * 1024 * 1024

/** Starts write-back of these bytes of a file, and does not wait for it; sync_file_range(2). Only a hint: what goes wrong, fsync tells. */
export const startWriteback = (fd: number, offset: number, length: number): void => {
  trySyscall('sync_file_range', fd, offset, length, SYNC_FILE_RANGE_WRITE)
}
