/** syncfs(2) without blocking this thread: it takes as long as the disk needs for all that was written. */
import { SyscallError } from './error.ts'
import { koffi, libc } from './koffi.ts'

const call = libc.func('syncfs', 'int', ['int'])

/** In one of libuv's four threads. `fd` is of any file on the file system. Throws what write-back has failed with since `fd` was opened. */
export const syncfs = (fd: number): Promise<void> =>
  new Promise((resolve, reject) => {
    call.async(fd, (error, result) => {
      if (error !== null) reject(error)
      else if (result === 0) resolve()
      else reject(new SyscallError('syncfs', koffi.errno()))
    })
  })
