/**
 * ENOSYS for system calls that are newer than the profile. A profile that was written before a call existed refuses it with its
 * default action, mostly EPERM, where programs look for ENOSYS before they fall back to an older call. So a prelude in front of
 * libseccomp's filter answers ENOSYS to every number above the highest that the profile names on that architecture. runc does
 * the same (libcontainer/seccomp/patchbpf), so profiles are written with it in mind.
 */
import { ERRNO } from '../sys/abi/errno.ts'
import {
  AUDIT_ARCH_S390,
  AUDIT_ARCH_S390X,
  BPF_ABS,
  BPF_JA,
  BPF_JEQ,
  BPF_JGT,
  BPF_JMP,
  BPF_JSET,
  BPF_K,
  BPF_LD,
  BPF_RET,
  BPF_W,
  SECCOMP_DATA,
  SECCOMP_RET_ALLOW,
  SECCOMP_RET_ERRNO,
  SECCOMP_RET_LOG,
  SECCOMP_RET_TRACE,
  SOCK_FILTER,
  __X32_SYSCALL_BIT,
} from '../sys/abi/seccomp.ts'
import { SCMP_ARCH_X32, auditArch } from './architectures.ts'

interface Instruction {
  readonly code: number
  readonly jt: number
  readonly jf: number
  readonly k: number
}

/** An instruction, or a jump to the filter behind the prelude. */
type Step = Instruction | 'to the filter'

const load = (offset: number): Instruction => ({ code: BPF_LD | BPF_W | BPF_ABS, jt: 0, jf: 0, k: offset })
const jump = (condition: number, k: number, jt: number, jf: number): Instruction => ({ code: BPF_JMP | condition | BPF_K, jt, jf, k })
const ENOSYS: Instruction = { code: BPF_RET | BPF_K, jt: 0, jf: 0, k: SECCOMP_RET_ERRNO | ERRNO.ENOSYS }

/** The highest number that a profile names, by libseccomp's token of the architecture. */
export type HighestNumbers = ReadonlyMap<number, number>

const aboveIsNew = (highest: number | undefined): Step[] =>
  highest === undefined ? ['to the filter'] : [jump(BPF_JGT, highest, 0, 1), ENOSYS, 'to the filter']

/** The s390s hand over a number they do not know as 0, which is setup(2) and long unused. */
const zeroIsNew = (audit: number): Step[] =>
  audit === AUDIT_ARCH_S390 || audit === AUDIT_ARCH_S390X ? [jump(BPF_JEQ, 0, 0, 1), ENOSYS] : []

/** What is done for calls of one AUDIT_ARCH_*, which x86-64 and x32 share. Every way through it leaves it. */
const section = (audit: number, highest: HighestNumbers): Step[] => {
  const x32 = highest.get(SCMP_ARCH_X32)
  const own = aboveIsNew(highest.get(audit))
  const body: Step[] =
    auditArch(SCMP_ARCH_X32) === audit
      ? [jump(BPF_JSET, __X32_SYSCALL_BIT, own.length, 0), ...own, ...aboveIsNew(x32)]
      : [...zeroIsNew(audit), ...own]
  return [jump(BPF_JEQ, audit, 0, body.length + 1), load(SECCOMP_DATA.nr), ...body]
}

/** Writes instructions as the kernel's array of struct sock_filter, in host order (both architectures are little endian). */
const assemble = (steps: readonly Step[]): Uint8Array => {
  const bytes = Buffer.alloc(steps.length * SOCK_FILTER.size)
  for (const [index, step] of steps.entries()) {
    const { code, jt, jf, k } = step === 'to the filter' ? jump(BPF_JA, steps.length - index - 1, 0, 0) : step
    const at = index * SOCK_FILTER.size
    bytes.writeUInt16LE(code, at + SOCK_FILTER.code)
    bytes.writeUInt8(jt, at + SOCK_FILTER.jt)
    bytes.writeUInt8(jf, at + SOCK_FILTER.jf)
    bytes.writeUInt32LE(k, at + SOCK_FILTER.k)
  }
  return bytes
}

/** The prelude as struct sock_filter[]; empty where the profile names no call on any architecture. */
export const enosysPrelude = (highest: HighestNumbers): Uint8Array => {
  const audits = new Set([...highest.keys()].map(auditArch))
  if (audits.size === 0) return new Uint8Array()
  return assemble([load(SECCOMP_DATA.arch), ...[...audits].flatMap((audit) => section(audit, highest))])
}

/** A default that lets calls through, or leaves them to a tracer, needs no prelude; nor does one that is ENOSYS itself. */
export const needsEnosys = (defaultReturn: number): boolean => {
  const action = (defaultReturn & 0xffff0000) >>> 0
  if (action === SECCOMP_RET_ALLOW || action === SECCOMP_RET_LOG || action === SECCOMP_RET_TRACE) return false
  return defaultReturn !== (SECCOMP_RET_ERRNO | ERRNO.ENOSYS)
}
