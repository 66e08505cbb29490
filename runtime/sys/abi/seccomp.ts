/** System call filters: linux/seccomp.h, linux/audit.h, linux/filter.h, linux/bpf_common.h; seccomp(2), seccomp_unotify(2). */

export const SECCOMP_MODE_DISABLED = 0
export const SECCOMP_MODE_STRICT = 1
export const SECCOMP_MODE_FILTER = 2

export const SECCOMP_SET_MODE_STRICT = 0
export const SECCOMP_SET_MODE_FILTER = 1
export const SECCOMP_GET_ACTION_AVAIL = 2
export const SECCOMP_GET_NOTIF_SIZES = 3

export const SECCOMP_FILTER_FLAG_TSYNC = 0x01
export const SECCOMP_FILTER_FLAG_LOG = 0x02
export const SECCOMP_FILTER_FLAG_SPEC_ALLOW = 0x04
export const SECCOMP_FILTER_FLAG_NEW_LISTENER = 0x08
export const SECCOMP_FILTER_FLAG_TSYNC_ESRCH = 0x10
export const SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV = 0x20

export const SECCOMP_RET_KILL_PROCESS = 0x80000000
export const SECCOMP_RET_KILL_THREAD = 0x00000000
export const SECCOMP_RET_TRAP = 0x00030000
export const SECCOMP_RET_ERRNO = 0x00050000
export const SECCOMP_RET_USER_NOTIF = 0x7fc00000
export const SECCOMP_RET_TRACE = 0x7ff00000
export const SECCOMP_RET_LOG = 0x7ffc0000
export const SECCOMP_RET_ALLOW = 0x7fff0000
export const SECCOMP_RET_ACTION_FULL = 0xffff0000
export const SECCOMP_RET_DATA = 0x0000ffff

/** struct seccomp_data, what a filter sees: nr and arch 32 bits, the others 64. */
export const SECCOMP_DATA = { nr: 0, arch: 4, instruction_pointer: 8, args: 16, size: 64 } as const

export const SECCOMP_USER_NOTIF_FLAG_CONTINUE = 0x1
export const SECCOMP_ADDFD_FLAG_SETFD = 0x1
export const SECCOMP_ADDFD_FLAG_SEND = 0x2
export const SECCOMP_IOCTL_NOTIF_RECV = 0xc0502100
export const SECCOMP_IOCTL_NOTIF_SEND = 0xc0182101
export const SECCOMP_IOCTL_NOTIF_ID_VALID = 0x40082102
export const SECCOMP_IOCTL_NOTIF_ADDFD = 0x40182103

/** struct seccomp_notif, struct seccomp_notif_resp, struct seccomp_notif_addfd: id, data, val 64 bits, the others 32. */
export const SECCOMP_NOTIF = { id: 0, pid: 8, flags: 12, data: 16, size: 80 } as const
export const SECCOMP_NOTIF_RESP = { id: 0, val: 8, error: 16, flags: 20, size: 24 } as const
export const SECCOMP_NOTIF_ADDFD = { id: 0, flags: 8, srcfd: 12, newfd: 16, newfd_flags: 20, size: 24 } as const

export const AUDIT_ARCH_AARCH64 = 0xc00000b7
export const AUDIT_ARCH_ARM = 0x40000028
export const AUDIT_ARCH_I386 = 0x40000003
export const AUDIT_ARCH_LOONGARCH64 = 0xc0000102
export const AUDIT_ARCH_M68K = 0x00000004
export const AUDIT_ARCH_MIPS = 0x00000008
export const AUDIT_ARCH_MIPS64 = 0x80000008
export const AUDIT_ARCH_MIPS64N32 = 0xa0000008
export const AUDIT_ARCH_MIPSEL = 0x40000008
export const AUDIT_ARCH_MIPSEL64 = 0xc0000008
export const AUDIT_ARCH_MIPSEL64N32 = 0xe0000008
export const AUDIT_ARCH_PARISC = 0x0000000f
export const AUDIT_ARCH_PARISC64 = 0x8000000f
export const AUDIT_ARCH_PPC = 0x00000014
export const AUDIT_ARCH_PPC64 = 0x80000015
export const AUDIT_ARCH_PPC64LE = 0xc0000015
export const AUDIT_ARCH_RISCV64 = 0xc00000f3
export const AUDIT_ARCH_S390 = 0x00000016
export const AUDIT_ARCH_S390X = 0x80000016
export const AUDIT_ARCH_SH = 0x0000002a
export const AUDIT_ARCH_SHEL = 0x4000002a
export const AUDIT_ARCH_X86_64 = 0xc000003e

/** The bit that marks a call of the x32 ABI, whose architecture is AUDIT_ARCH_X86_64 too (asm/unistd.h). */
export const __X32_SYSCALL_BIT = 0x40000000

/** struct sock_filter, one instruction of classic BPF: code 16 bits, jt and jf 8, k 32. struct sock_fprog: len 16 bits, filter a pointer. */
export const SOCK_FILTER = { code: 0, jt: 2, jf: 3, k: 4, size: 8 } as const
export const SOCK_FPROG = { len: 0, filter: 8, size: 16 } as const
export const BPF_MAXINSNS = 4096

export const BPF_LD = 0x00
export const BPF_LDX = 0x01
export const BPF_ST = 0x02
export const BPF_STX = 0x03
export const BPF_ALU = 0x04
export const BPF_JMP = 0x05
export const BPF_RET = 0x06
export const BPF_MISC = 0x07
export const BPF_W = 0x00
export const BPF_ABS = 0x20
export const BPF_MEM = 0x60
export const BPF_IMM = 0x00
export const BPF_AND = 0x50
export const BPF_JA = 0x00
export const BPF_JEQ = 0x10
export const BPF_JGT = 0x20
export const BPF_JGE = 0x30
export const BPF_JSET = 0x40
export const BPF_K = 0x00
export const BPF_X = 0x08
export const BPF_A = 0x10
export const BPF_TAX = 0x00
export const BPF_TXA = 0x80
