import assert from 'node:assert/strict'
import test from 'node:test'
import { compileSeccomp } from '../../runtime/seccomp/compile.ts'
import { defaultProfile } from '../../runtime/seccomp/default-profile.ts'
import { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_I386, AUDIT_ARCH_X86_64, __X32_SYSCALL_BIT } from '../../runtime/sys/abi/seccomp.ts'
import { AF_ALG, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, AF_UNIX, AF_VSOCK } from '../../runtime/sys/abi/socket.ts'
import { SYSCALLS, type SyscallName, syscallNumber } from '../../runtime/sys/abi/syscalls.ts'
import { libseccomp } from '../../runtime/sys/libseccomp.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { answer } from '../support/cbpf.ts'

const NATIVE = ARCH === 'x64' ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64
/** Docker's default set. */
const USUAL = [
  ...['CHOWN', 'DAC_OVERRIDE', 'FSETID', 'FOWNER', 'MKNOD', 'NET_RAW', 'SETGID', 'SETUID', 'SETFCAP', 'SETPCAP', 'NET_BIND_SERVICE'],
  ...['SYS_CHROOT', 'KILL', 'AUDIT_WRITE'],
].map((name) => `CAP_${name}`)

interface Options {
  readonly add?: readonly string[]
  readonly kernel?: readonly [number, number]
  readonly socketcall?: boolean
}

const filters = new Map<string, Uint8Array>()
/** The default profile's filter for the usual capabilities and some more. */
const filterFor = (options: Options = {}): Uint8Array => {
  const known = filters.get(JSON.stringify(options))
  if (known !== undefined) return known
  const { add = [], kernel = [6, 1], socketcall } = options
  const profile = defaultProfile({
    capabilities: new Set([...USUAL, ...add]),
    arch: ARCH,
    kernel,
    ...(socketcall === undefined ? {} : { socketcall }),
  })
  const { filter } = compileSeccomp(profile)
  filters.set(JSON.stringify(options), filter)
  return filter
}

type Args = readonly (number | bigint)[]
const native = (name: SyscallName, args: Args = [], options: Options = {}): string =>
  answer(filterFor(options), { arch: NATIVE, nr: syscallNumber(name, ARCH), args })

const EPERM = 'ERRNO 1'
const ENOSYS = 'ERRNO 38'

test('everyday calls are allowed', () => {
  const names = [
    'read',
    'openat',
    'execve',
    'mmap',
    'futex',
    'clock_gettime',
    'wait4',
    'prctl',
    'seccomp',
    'epoll_pwait',
    'sendmsg',
  ] as const
  for (const name of [
    ...names,
    'openat2',
    'faccessat2',
    'close_range',
    'pidfd_open',
    'statx',
    'rseq',
    'memfd_create',
    'landlock_add_rule',
    'mknodat',
  ] as const) {
    assert.equal(native(name), 'ALLOW', name)
  }
})

test('keyrings, io_uring and what is the host’s own are refused, whatever the capabilities', () => {
  const all = { add: ['CAP_SYS_ADMIN', 'CAP_SYS_PTRACE', 'CAP_SYS_MODULE', 'CAP_SYS_BOOT', 'CAP_SYS_RESOURCE', 'CAP_SYS_NICE'] }
  const names = [
    'keyctl',
    'add_key',
    'request_key',
    'io_uring_setup',
    'io_uring_enter',
    'io_uring_register',
    'userfaultfd',
    'kexec_load',
  ] as const
  for (const name of [...names, 'swapon', 'swapoff', 'move_pages', 'migrate_pages', 'nfsservctl'] as const) {
    assert.equal(native(name), EPERM, name)
    assert.equal(native(name, [], all), EPERM, `${name} with capabilities`)
  }
})

test('each capability opens what it is for', () => {
  const rows: [string, readonly SyscallName[]][] = [
    [
      'CAP_SYS_ADMIN',
      ['mount', 'umount2', 'pivot_root', 'unshare', 'setns', 'fsopen', 'open_tree', 'move_mount', 'bpf', 'perf_event_open', 'sethostname'],
    ],
    ['CAP_SYS_ADMIN', ['syslog', 'quotactl', 'fanotify_init']],
    ['CAP_BPF', ['bpf']],
    ['CAP_PERFMON', ['perf_event_open']],
    ['CAP_SYSLOG', ['syslog']],
    ['CAP_SYS_PTRACE', ['kcmp', 'pidfd_getfd', 'process_madvise']],
    ['CAP_SYS_MODULE', ['init_module', 'finit_module', 'delete_module']],
    ['CAP_SYS_BOOT', ['reboot']],
    ['CAP_SYS_TIME', ['settimeofday', 'clock_settime']],
    ['CAP_SYS_NICE', ['mbind', 'set_mempolicy', 'get_mempolicy']],
    ['CAP_SYS_PACCT', ['acct']],
    ['CAP_SYS_TTY_CONFIG', ['vhangup']],
    ['CAP_DAC_READ_SEARCH', ['open_by_handle_at']],
  ]
  for (const [capability, names] of rows) {
    for (const name of names) {
      assert.equal(native(name), EPERM, `${name} without ${capability}`)
      assert.equal(native(name, [], { add: [capability] }), 'ALLOW', `${name} with ${capability}`)
    }
  }
  assert.equal(native('chroot'), 'ALLOW', 'CAP_SYS_CHROOT is among the usual ones')
})

test('tracing is allowed from Linux 4.8 on, before by capability', () => {
  for (const name of ['ptrace', 'process_vm_readv', 'process_vm_writev'] as const) {
    assert.equal(native(name), 'ALLOW')
    assert.equal(native(name, [], { kernel: [4, 7] }), EPERM)
    assert.equal(native(name, [], { kernel: [4, 7], add: ['CAP_SYS_PTRACE'] }), 'ALLOW')
    assert.equal(native(name, [], { kernel: [5, 0] }), 'ALLOW')
  }
})

test('sockets of AF_ALG and AF_VSOCK are refused, also with bits that the kernel does not look at', () => {
  for (const call of ['socket', 'socketpair'] as const) {
    for (const family of [AF_UNIX, AF_INET, AF_INET6, AF_NETLINK, AF_PACKET, 0, 37, 39, 41, 42, 43, 44, 45, 46, 63]) {
      assert.equal(native(call, [family, 1, 0]), 'ALLOW', `${call} ${family}`)
    }
    for (const family of [AF_ALG, AF_VSOCK]) {
      for (const high of [0n, 1n << 32n, 1n << 63n, 0xffff_ffffn << 32n]) {
        assert.equal(native(call, [BigInt(family) | high, 5, 0]), EPERM, `${call} ${family} with ${high}`)
        assert.equal(native(call, [BigInt(family) | high, 5, 0], { add: ['CAP_SYS_ADMIN'] }), EPERM)
      }
    }
  }
})

test('new namespaces need CAP_SYS_ADMIN, threads and children do not', () => {
  const thread = 0x3d0f00
  assert.equal(native('clone', [thread]), 'ALLOW')
  assert.equal(native('clone', [17]), 'ALLOW')
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
    assert.equal(native('clone', [flag | 17]), EPERM, `0x${flag.toString(16)}`)
    assert.equal(native('clone', [BigInt(flag) | (1n << 40n)]), EPERM)
    assert.equal(native('clone', [flag | 17], { add: ['CAP_SYS_ADMIN'] }), 'ALLOW')
  }
  assert.equal(native('clone3'), ENOSYS)
  assert.equal(native('clone3', [], { add: ['CAP_SYS_ADMIN'] }), 'ALLOW')
})

test('only the personalities of Linux are allowed', () => {
  for (const value of [0, 8, 0x20000, 0x20008, 0xffffffff]) assert.equal(native('personality', [value]), 'ALLOW', String(value))
  for (const value of [1, 0x40000, 0x400000, 0x100000000n]) assert.equal(native('personality', [value]), EPERM, String(value))
})

test('calls that are newer than the profile get ENOSYS', () => {
  for (const nr of [600, 999, 0x3fffffff]) assert.equal(answer(filterFor(), { arch: NATIVE, nr }), ENOSYS, String(nr))
})

test('x32 and i386 are filtered like x86-64, other architectures are killed', { skip: ARCH !== 'x64' && 'x64 only' }, () => {
  const filter = filterFor()
  const i386 = (nr: number, ...args: number[]): string => answer(filter, { arch: AUDIT_ARCH_I386, nr, args })
  assert.equal(i386(3), 'ALLOW', 'read')
  assert.equal(i386(21), EPERM, 'mount')
  assert.equal(i386(288), EPERM, 'keyctl')
  assert.equal(i386(120, 0x10000000), EPERM, 'clone NEWUSER')
  assert.equal(i386(120, 17), 'ALLOW', 'clone')
  assert.equal(i386(435), ENOSYS, 'clone3')
  assert.equal(i386(425), EPERM, 'io_uring_setup')
  assert.equal(i386(359, AF_ALG), EPERM, 'socket AF_ALG')
  assert.equal(i386(359, AF_VSOCK), EPERM, 'socket AF_VSOCK')
  for (const family of [AF_INET, 39, 41, 42, 43, 45, 63]) assert.equal(i386(359, family), 'ALLOW', `socket ${family}`)
  assert.equal(i386(999), ENOSYS)
  const x32 = (nr: number, ...args: number[]): string => answer(filter, { arch: AUDIT_ARCH_X86_64, nr: __X32_SYSCALL_BIT + nr, args })
  assert.equal(x32(0), 'ALLOW', 'read')
  assert.equal(x32(165), EPERM, 'mount')
  assert.equal(x32(250), EPERM, 'keyctl')
  assert.equal(x32(41, AF_ALG), EPERM)
  assert.equal(x32(41, AF_INET), 'ALLOW')
  assert.equal(x32(999), ENOSYS)
  assert.equal(answer(filter, { arch: AUDIT_ARCH_ARM, nr: 3 }), 'KILL_THREAD')
})

test('socketcall(2) can be refused, whole', { skip: ARCH !== 'x64' && 'x64 only' }, () => {
  for (const sub of [1, 2, 3, 8, 16]) {
    assert.equal(answer(filterFor(), { arch: AUDIT_ARCH_I386, nr: 102, args: [sub] }), 'ALLOW')
    assert.equal(answer(filterFor({ socketcall: false }), { arch: AUDIT_ARCH_I386, nr: 102, args: [sub] }), ENOSYS, `call ${sub}`)
  }
  assert.equal(answer(filterFor({ socketcall: false }), { arch: AUDIT_ARCH_I386, nr: 359, args: [AF_INET] }), 'ALLOW')
})

test('the tree that libseccomp builds answers every number as the list of names says', () => {
  const profile = defaultProfile({ capabilities: new Set(USUAL), arch: ARCH, kernel: [6, 1] })
  const names = new Set(profile.syscalls!.filter(({ args }) => args === undefined).flatMap((rule) => rule.names))
  const library = libseccomp()
  const conditional = new Set<SyscallName>(['socket', 'socketpair', 'personality', 'clone', 'clone3'])
  const highest = Math.max(...profile.syscalls!.flatMap((rule) => rule.names).map((name) => library.seccomp_syscall_resolve_name(name)))
  for (const name of Object.keys(SYSCALLS) as SyscallName[]) {
    if (conditional.has(name)) continue
    const known = library.seccomp_syscall_resolve_name(name) >= 0
    const expected = names.has(name) && known ? 'ALLOW' : syscallNumber(name, ARCH) > highest ? ENOSYS : EPERM
    assert.equal(native(name), expected, name)
  }
})
