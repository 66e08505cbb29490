/** execve(2) of this very process: pid, streams, terminal, parent stay, and nothing waits. All other threads end. */
import { ERRNO } from './abi/errno.ts'
import { F_SETFD } from './abi/fcntl.ts'
import { SyscallError } from './error.ts'
import { koffi } from './koffi.ts'
import { cstring, trySyscall } from './syscall.ts'

/** A NULL-terminated array of addresses of strings; `strings` are to be kept until the call is back. */
const pointers = (strings: readonly Uint8Array[]): Uint8Array => {
  const array = Buffer.alloc((strings.length + 1) * 8)
  for (const [index, bytes] of strings.entries()) array.writeBigUInt64LE(BigInt(koffi.address(bytes)), index * 8)
  return array
}

/**
 * Becomes the executable open at `executable`, with an empty environment. Descriptors 0–2 and `kept` stay open. Streams of Node's that
 * have been used (process.stdout) may have left a terminal or pipe non-blocking: call it before. Throws SyscallError.
 */
export const becomeExecutable = (executable: number, argv: readonly string[], kept: readonly number[]): never => {
  for (const fd of [0, 1, 2, ...kept]) {
    const result = trySyscall('fcntl', fd, F_SETFD, 0) // Node makes even the standard streams close-on-exec
    if (result < 0 && (fd > 2 || result !== -ERRNO.EBADF)) throw new SyscallError('fcntl', -result, { args: [String(fd), 'F_SETFD'] })
  }
  const strings = argv.map(cstring)
  const result = trySyscall('execve', `/proc/self/fd/${executable}`, pointers(strings), pointers([]))
  throw new SyscallError('execve', -result, { args: strings.map((bytes) => Buffer.from(bytes).toString('utf8', 0, bytes.length - 1)) })
}
