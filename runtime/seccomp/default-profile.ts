/**
 * The default profile: an allow-list of the reach of Docker's and of containers-common's. What it leaves out is refused with EPERM:
 * keyrings (not namespaced), io_uring, userfaultfd, swap, kexec, modules and so on; what is newer than the list gets ENOSYS
 * (enosys.ts). Capabilities open what they are for, so `--cap-add` needs no other profile.
 */
import type { LinuxSeccomp, LinuxSeccompArch, LinuxSeccompArg, LinuxSyscall } from '../spec/types.ts'
import type { CapabilityName } from '../sys/abi/capability.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { PER_LINUX, PER_LINUX32, PERSONALITY_QUERY, UNAME26 } from '../sys/abi/personality.ts'
import { CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, CLONE_NEWUTS } from '../sys/abi/sched.ts'
import { AF_ALG, AF_VSOCK } from '../sys/abi/socket.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { ARCHITECTURE_CALLS, COMMON_CALLS } from './default-calls.ts'

export interface DefaultProfileOptions {
  /** The bounding set, by name. */
  readonly capabilities: ReadonlySet<string>
  readonly arch: Arch
  /** The running kernel's version. */
  readonly kernel: readonly [major: number, minor: number]
  /**
   * Whether 32-bit programs may use socketcall(2), default true. A filter cannot see the address family behind its pointer, so with
   * it AF_ALG and AF_VSOCK stay within reach (of 64-bit programs too, by int 0x80); without it no i386 program
   * of glibc has sockets. Docker's profile allows it and leaves the rest to AppArmor.
   */
  readonly socketcall?: boolean
}

const allow = (names: readonly string[], args?: readonly LinuxSeccompArg[]): LinuxSyscall =>
  args === undefined ? { names, action: 'SCMP_ACT_ALLOW' } : { names, action: 'SCMP_ACT_ALLOW', args }
const equal = (index: number, value: number): LinuxSeccompArg => ({ index, op: 'SCMP_CMP_EQ', value: BigInt(value) })
const masked = (index: number, mask: bigint, value: number): LinuxSeccompArg => ({
  index,
  op: 'SCMP_CMP_MASKED_EQ',
  value: mask,
  valueTwo: BigInt(value),
})

/** Opened by any one of the capabilities. */
const BY_CAPABILITY: readonly (readonly [readonly CapabilityName[], readonly string[]])[] = [
  [['CAP_SYS_ADMIN'], ['clone', 'clone3', 'unshare', 'setns', 'sethostname', 'setdomainname']],
  [['CAP_SYS_ADMIN'], ['mount', 'umount', 'umount2', 'pivot_root', 'open_tree', 'open_tree_attr', 'move_mount', 'mount_setattr']],
  [['CAP_SYS_ADMIN'], ['fsopen', 'fsconfig', 'fsmount', 'fspick', 'quotactl', 'quotactl_fd', 'fanotify_init', 'lookup_dcookie']],
  [['CAP_SYS_ADMIN'], ['lsm_get_self_attr', 'lsm_set_self_attr', 'lsm_list_modules']],
  [['CAP_SYS_ADMIN', 'CAP_SYSLOG'], ['syslog']],
  [['CAP_SYS_ADMIN', 'CAP_BPF'], ['bpf']],
  [['CAP_SYS_ADMIN', 'CAP_PERFMON'], ['perf_event_open']],
  [['CAP_SYS_PTRACE'], ['kcmp', 'pidfd_getfd', 'process_madvise']],
  [['CAP_SYS_CHROOT'], ['chroot']],
  [['CAP_SYS_NICE'], ['get_mempolicy', 'set_mempolicy', 'set_mempolicy_home_node', 'mbind']],
  [['CAP_SYS_TIME'], ['settimeofday', 'stime', 'clock_settime', 'clock_settime64']],
  [['CAP_SYS_RAWIO'], ['iopl', 'ioperm']],
  [['CAP_SYS_MODULE'], ['init_module', 'finit_module', 'delete_module']],
  [['CAP_SYS_BOOT'], ['reboot']],
  [['CAP_SYS_PACCT'], ['acct']],
  [['CAP_SYS_TTY_CONFIG'], ['vhangup']],
  [['CAP_DAC_READ_SEARCH'], ['open_by_handle_at']],
]

/** Before Linux 4.8 a tracer could change a call after the filter had seen it. */
const TRACING = ['ptrace', 'process_vm_readv', 'process_vm_writev'] as const
const TRACING_FROM = [4, 8] as const

const atLeast = (kernel: readonly [number, number], wanted: readonly [number, number]): boolean =>
  kernel[0] > wanted[0] || (kernel[0] === wanted[0] && kernel[1] >= wanted[1])

const NEW_NAMESPACES = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET

/** Threads and children without new namespaces. clone3's flags lie behind a pointer; libcs fall back to clone on ENOSYS. */
const UNPRIVILEGED_CLONE: readonly LinuxSyscall[] = [
  allow(['clone'], [masked(0, BigInt(NEW_NAMESPACES), 0)]),
  { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: ERRNO.ENOSYS },
]

/**
 * Every address family below 64 but AF_ALG (38) and AF_VSOCK (40), which knows no namespaces. The kernel looks at the lower
 * half of the argument only, so an open upper bound would let `38 + 2^32` through: hence blocks of all 64 bits.
 */
const ALL_BITS = 0xffff_ffff_ffff_ffffn
const SOCKET_FAMILIES: readonly LinuxSeccompArg[] = [
  { index: 0, op: 'SCMP_CMP_LT', value: BigInt(AF_ALG) },
  equal(0, AF_ALG + 1),
  equal(0, AF_VSOCK + 1),
  masked(0, ALL_BITS - 0x1n, 42),
  masked(0, ALL_BITS - 0x3n, 44),
  masked(0, ALL_BITS - 0xfn, 48),
]

/** Linux and 32-bit Linux, each also as version 2.6, and the question which it is. */
const PERSONALITIES = [PER_LINUX, PER_LINUX32, PER_LINUX | UNAME26, PER_LINUX32 | UNAME26, PERSONALITY_QUERY]

const ARCHITECTURES: Readonly<Record<Arch, readonly LinuxSeccompArch[]>> = {
  x64: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
  arm64: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'],
}

/** A profile for `linux.seccomp` of a container with these capabilities. */
export const defaultProfile = ({ capabilities, arch, kernel, socketcall = true }: DefaultProfileOptions): LinuxSeccomp => {
  const opened = BY_CAPABILITY.filter(([any]) => any.some((capability) => capabilities.has(capability))).flatMap(([, names]) => names)
  const tracing = atLeast(kernel, TRACING_FROM) || capabilities.has('CAP_SYS_PTRACE') ? TRACING : []
  return {
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: ERRNO.EPERM,
    architectures: ARCHITECTURES[arch],
    syscalls: [
      allow([...COMMON_CALLS, ...ARCHITECTURE_CALLS[arch], ...tracing, ...opened, ...(socketcall ? ['socketcall'] : [])]),
      // libseccomp adds a way through socketcall for every rule of a call that it multiplexes, unless a rule closes it first.
      ...(socketcall ? [] : [{ names: ['socketcall'], action: 'SCMP_ACT_ERRNO', errnoRet: ERRNO.ENOSYS } as const]),
      ...SOCKET_FAMILIES.map((family) => allow(['socket', 'socketpair'], [family])),
      ...PERSONALITIES.map((personality) => allow(['personality'], [equal(0, personality)])),
      ...(capabilities.has('CAP_SYS_ADMIN') ? [] : UNPRIVILEGED_CLONE),
    ],
  }
}
