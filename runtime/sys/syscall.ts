/** System calls by name through libc's syscall(2), for the parent's side. Inside a container calls are made by compiled programs. */
import { type SyscallName, syscallNumber } from './abi/syscalls.ts'
import { SyscallError, type SyscallErrorOptions } from './error.ts'
import { koffi, libc } from './koffi.ts'
import { ERRNO } from './abi/errno.ts'

/** A number, an address, bytes passed by address, or a string passed as NUL-terminated bytes. */
export type Argument = number | bigint | Uint8Array | string

if (process.arch !== 'x64' && process.arch !== 'arm64') throw new Error(`wherry runs on x64 and arm64, not on ${process.arch}`)
export const ARCH = process.arch

const call = libc.func('syscall', 'int64_t', ['int64_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'])

/** The bytes of `text` with a NUL behind; refuses a NUL inside, which would cut the string short in the kernel. */
export const cstring = (text: string): Uint8Array => {
  if (text.includes('\0')) throw new TypeError(`a NUL byte in ${JSON.stringify(text)}`)
  return Buffer.from(`${text}\0`)
}

/**
 * The call's result, or the negative errno: the kernel's own convention. EINTR is returned as it is.
 * Arguments that are bytes or strings live until the call is back.
 */
export const trySyscall = (name: SyscallName, ...args: readonly Argument[]): number => {
  const kept: Uint8Array[] = []
  const values = args.map((arg) => {
    if (typeof arg === 'number' || typeof arg === 'bigint') return arg
    const bytes = typeof arg === 'string' ? cstring(arg) : arg
    kept.push(bytes)
    return koffi.address(bytes)
  })
  while (values.length < 6) values.push(0)
  const result = Number(call(syscallNumber(name, ARCH), ...values))
  // looked at after the call, so that no buffer can be collected during it
  return result === -1 && kept.length >= 0 ? -koffi.errno() : result
}

const shown = (arg: Argument): string =>
  typeof arg === 'string' ? JSON.stringify(arg) : arg instanceof Uint8Array ? `[${arg.length} bytes]` : String(arg)

/** The call's result; repeats it after EINTR; throws SyscallError. */
export const syscall = (name: SyscallName, args: readonly Argument[], options: SyscallErrorOptions = {}): number => {
  for (;;) {
    const result = trySyscall(name, ...args)
    if (result >= 0) return result
    if (result === -ERRNO.EINTR) continue
    throw new SyscallError(name, -result, { ...options, args: options.args ?? args.map(shown) })
  }
}
