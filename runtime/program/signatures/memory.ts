/** Memory: mmap(2), mprotect(2), futex(2). */
import * as mman from '../../sys/abi/mman.ts'
import { flags, flagsText, pick } from './constants.ts'
import { address, fd, int, type Kind, long, out, type Signature, scalar, size, uint, word } from './kind.ts'

const PROT = pick(mman, /^PROT_/)
const prot: Kind = scalar((value, scope) => (value === 0n ? 'PROT_NONE' : flagsText(value, PROT, scope)))

export const MEMORY = {
  set_mempolicy: { mode: int, nodemask: out, maxnode: size },
  mmap: { addr: address, length: size, prot, flags: flags(pick(mman, /^MAP_/)), fd, offset: long },
  munmap: { addr: address, length: size },
  mprotect: { addr: address, size, prot },
  futex: { uaddr: out, futex_op: int, val: uint, timeout: address, uaddr2: out, val3: uint },
  getrandom: { buf: out, buflen: size, flags: word },
} as const satisfies Readonly<Record<string, Signature>>
