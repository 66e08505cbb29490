/**
 * System calls for loops that make hundreds of thousands of them: numbers and addresses only, no names, no copies. 0.4 µs a call where
 * `trySyscall` costs three times that with a string. Everything else uses syscall.ts.
 */
import { type SyscallName, syscallNumber } from './abi/syscalls.ts'
import { koffi, libc } from './koffi.ts'
import { ARCH } from './syscall.ts'

const call = libc.func('syscall', 'int64_t', ['int64_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t', 'uintptr_t'])

/** The number of a call on this machine, to be looked up once. */
export const numberOf = (name: SyscallName): number => syscallNumber(name, ARCH)

/** The result or the negative errno. Whoever passes an address keeps its buffer alive. */
export const rawCall = (number: number, a: number, b = 0, c = 0, d = 0, e = 0, f = 0): number => {
  const result = Number(call(number, a, b, c, d, e, f))
  return result === -1 ? -koffi.errno() : result
}

/** User space ends at 2⁴⁷ (or 2⁴⁸ on arm64): an address is a safe integer. */
export const addressOf = (bytes: Uint8Array): number => Number(koffi.address(bytes))
