import assert from 'node:assert/strict'
import test from 'node:test'
import { InvalidField } from '../../runtime/errors.ts'
import { compileSeccomp } from '../../runtime/seccomp/compile.ts'
import type { LinuxSeccomp, LinuxSeccompArg, LinuxSyscall } from '../../runtime/spec/types.ts'
import { AUDIT_ARCH_AARCH64, AUDIT_ARCH_ARM, AUDIT_ARCH_I386, AUDIT_ARCH_MIPSEL, AUDIT_ARCH_X86_64 } from '../../runtime/sys/abi/seccomp.ts'
import { SYSCALLS, type SyscallName, syscallNumber } from '../../runtime/sys/abi/syscalls.ts'
import { libseccomp } from '../../runtime/sys/libseccomp.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { answer } from '../support/cbpf.ts'

const NATIVE = ARCH === 'x64' ? AUDIT_ARCH_X86_64 : AUDIT_ARCH_AARCH64

/** What a filter answers to a call of this machine's architecture. */
const ask = (filter: Uint8Array, name: SyscallName | number, ...args: readonly (number | bigint)[]): string =>
  answer(filter, { arch: NATIVE, nr: typeof name === 'number' ? name : syscallNumber(name, ARCH), args })

const profile = (syscalls: readonly LinuxSyscall[], rest: Partial<LinuxSeccomp> = {}): LinuxSeccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls,
  ...rest,
})
const allow = (names: readonly string[], args?: readonly LinuxSeccompArg[]): LinuxSyscall => ({ names, action: 'SCMP_ACT_ALLOW', args })
const arg = (index: number, op: LinuxSeccompArg['op'], value: bigint, valueTwo?: bigint): LinuxSeccompArg => ({
  index,
  op,
  value,
  valueTwo,
})

const refused = (seccomp: LinuxSeccomp, path: string, problem: RegExp): void => {
  assert.throws(
    () => compileSeccomp(seccomp),
    (error) => {
      assert.ok(error instanceof InvalidField, String(error))
      assert.equal(error.path, path)
      assert.match(error.message, problem)
      return true
    },
  )
}

test('every action is compiled to its return value', () => {
  const rules: [LinuxSyscall['action'], number | undefined, string][] = [
    ['SCMP_ACT_KILL', undefined, 'KILL_THREAD'],
    ['SCMP_ACT_KILL_THREAD', undefined, 'KILL_THREAD'],
    ['SCMP_ACT_KILL_PROCESS', undefined, 'KILL_PROCESS'],
    ['SCMP_ACT_TRAP', undefined, 'TRAP'],
    ['SCMP_ACT_ERRNO', undefined, 'ERRNO 1'],
    ['SCMP_ACT_ERRNO', 100, 'ERRNO 100'],
    ['SCMP_ACT_ERRNO', 0, 'ERRNO 0'],
    ['SCMP_ACT_TRACE', undefined, 'TRACE 1'],
    ['SCMP_ACT_TRACE', 4711, 'TRACE 4711'],
    ['SCMP_ACT_LOG', undefined, 'LOG'],
    ['SCMP_ACT_NOTIFY', undefined, 'NOTIFY'],
  ]
  for (const [action, errnoRet, expected] of rules) {
    const { filter } = compileSeccomp(profile([{ names: ['mkdirat'], action, errnoRet }], { listenerPath: '/run/agent.sock' }))
    assert.equal(ask(filter, 'mkdirat'), expected)
    assert.equal(ask(filter, 'read'), 'ALLOW')
  }
  const { filter } = compileSeccomp(profile([allow(['mkdirat'])], { defaultAction: 'SCMP_ACT_KILL_PROCESS' }))
  assert.equal(ask(filter, 'mkdirat'), 'ALLOW')
  assert.equal(ask(filter, 'io_setup'), 'KILL_PROCESS')
})

test('every operator compares all 64 bits', () => {
  const big = 0x1_0000_0005n
  const cases: [LinuxSeccompArg, readonly bigint[], readonly bigint[]][] = [
    [arg(1, 'SCMP_CMP_EQ', big), [big], [5n, big - 1n, big + 1n, big << 32n]],
    [arg(1, 'SCMP_CMP_NE', big), [5n, big + 1n], [big]],
    [arg(1, 'SCMP_CMP_LT', big), [0n, 5n, big - 1n], [big, big + 1n, 0xffff_ffff_ffff_ffffn]],
    [arg(1, 'SCMP_CMP_LE', big), [0n, big], [big + 1n]],
    [arg(1, 'SCMP_CMP_GE', big), [big, big + 1n], [big - 1n, 0n]],
    [arg(1, 'SCMP_CMP_GT', big), [big + 1n, 0xffff_ffff_ffff_ffffn], [big, 0n]],
    [arg(1, 'SCMP_CMP_MASKED_EQ', 0xf0n, 0x50n), [0x50n, 0xf5fn, 0x1_0000_0050n], [0n, 0x60n, 0xf0n]],
    [arg(5, 'SCMP_CMP_EQ', 0xffff_ffff_ffff_ffffn), [0xffff_ffff_ffff_ffffn], [0xffff_ffffn, 0n]],
  ]
  for (const [condition, matching, others] of cases) {
    const { filter } = compileSeccomp(profile([{ names: ['dup3'], action: 'SCMP_ACT_ERRNO', args: [condition] }]))
    const args = (value: bigint): bigint[] => Array.from({ length: 6 }, (_, index) => (index === condition.index ? value : 99n))
    for (const value of matching) assert.equal(ask(filter, 'dup3', ...args(value)), 'ERRNO 1', `${condition.op} ${value}`)
    for (const value of others) assert.equal(ask(filter, 'dup3', ...args(value)), 'ALLOW', `${condition.op} ${value}`)
  }
})

test('comparisons of different arguments must all hold, of one argument any', () => {
  const every = compileSeccomp(
    profile([{ names: ['kcmp'], action: 'SCMP_ACT_ERRNO', args: [arg(0, 'SCMP_CMP_EQ', 1n), arg(1, 'SCMP_CMP_EQ', 2n)] }]),
  )
  assert.equal(ask(every.filter, 'kcmp', 1, 2), 'ERRNO 1')
  assert.equal(ask(every.filter, 'kcmp', 1, 3), 'ALLOW')
  assert.equal(ask(every.filter, 'kcmp', 3, 2), 'ALLOW')
  const any = compileSeccomp(
    profile([
      {
        names: ['kcmp'],
        action: 'SCMP_ACT_ERRNO',
        args: [arg(0, 'SCMP_CMP_EQ', 1n), arg(0, 'SCMP_CMP_EQ', 2n), arg(1, 'SCMP_CMP_EQ', 3n)],
      },
    ]),
  )
  assert.equal(ask(any.filter, 'kcmp', 1, 0), 'ERRNO 1')
  assert.equal(ask(any.filter, 'kcmp', 2, 0), 'ERRNO 1')
  assert.equal(ask(any.filter, 'kcmp', 0, 3), 'ERRNO 1')
  assert.equal(ask(any.filter, 'kcmp', 0, 0), 'ALLOW')
})

test('the same rule twice, rules with the default action and unknown names do no harm', () => {
  const notes: string[] = []
  const { filter } = compileSeccomp(
    profile(
      [
        allow(['read', 'read', 'write']),
        allow(['read']),
        { names: ['close'], action: 'SCMP_ACT_ERRNO', errnoRet: 9 },
        allow(['no_such_call', 'dup', 'toString']),
      ],
      { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 9 },
    ),
    (note) => notes.push(note),
  )
  assert.equal(ask(filter, 'read'), 'ALLOW')
  assert.equal(ask(filter, 'dup'), 'ALLOW')
  assert.equal(ask(filter, 'close'), 'ERRNO 9')
  assert.equal(notes.length, 2)
  assert.match(notes[0]!, /^linux\.seccomp\.syscalls\[3\]\.names\[0\]: .*no_such_call/)
})

test('calls above the highest that the profile names get ENOSYS, those between its default', () => {
  const rules = [allow(['read', 'openat2']), { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet: 5 } as const]
  const { filter } = compileSeccomp(profile(rules, { defaultAction: 'SCMP_ACT_ERRNO' }))
  assert.equal(ask(filter, 'openat2'), 'ALLOW')
  assert.equal(ask(filter, 'clone3'), 'ERRNO 5')
  assert.equal(ask(filter, 'fspick'), 'ERRNO 1')
  assert.equal(ask(filter, 'pidfd_getfd'), 'ERRNO 38', 'pidfd_getfd is one above openat2')
  assert.equal(ask(filter, 4711), 'ERRNO 38')

  const other: [Partial<LinuxSeccomp>, string][] = [
    [{ defaultAction: 'SCMP_ACT_KILL' }, 'ERRNO 38'],
    [{ defaultAction: 'SCMP_ACT_KILL_PROCESS' }, 'ERRNO 38'],
    [{ defaultAction: 'SCMP_ACT_TRAP' }, 'ERRNO 38'],
    [{ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 6 }, 'ERRNO 38'],
    [{ defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 38 }, 'ERRNO 38'],
    [{ defaultAction: 'SCMP_ACT_ALLOW' }, 'ALLOW'],
    [{ defaultAction: 'SCMP_ACT_LOG' }, 'LOG'],
    [{ defaultAction: 'SCMP_ACT_TRACE', defaultErrnoRet: 7 }, 'TRACE 7'],
  ]
  for (const [rest, expected] of other) assert.equal(ask(compileSeccomp(profile(rules, rest)).filter, 4711), expected, JSON.stringify(rest))
  assert.equal(
    ask(compileSeccomp({ defaultAction: 'SCMP_ACT_ERRNO' }).filter, 4711),
    'ERRNO 1',
    'a profile without rules names no highest call',
  )
})

test('x86-64, x32 and i386 have their own numbers and their own highest', { skip: ARCH !== 'x64' && 'x64 only' }, () => {
  const X32 = 0x40000000
  const all = compileSeccomp(
    profile([allow(['read', 'openat2'])], {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32'],
    }),
  ).filter
  const i386 = (nr: number): string => answer(all, { arch: AUDIT_ARCH_I386, nr })
  const x64 = (nr: number): string => answer(all, { arch: AUDIT_ARCH_X86_64, nr })
  assert.deepEqual([i386(3), i386(1), i386(437), i386(438)], ['ALLOW', 'ERRNO 1', 'ALLOW', 'ERRNO 38'])
  assert.deepEqual([x64(0), x64(3), x64(437), x64(438)], ['ALLOW', 'ERRNO 1', 'ALLOW', 'ERRNO 38'])
  assert.deepEqual([x64(X32), x64(X32 + 3), x64(X32 + 437), x64(X32 + 438)], ['ALLOW', 'ERRNO 1', 'ALLOW', 'ERRNO 38'])
  assert.equal(answer(all, { arch: AUDIT_ARCH_AARCH64, nr: 63 }), 'KILL_THREAD', 'an architecture that the profile does not list')

  const native = compileSeccomp(profile([allow(['read'])], { defaultAction: 'SCMP_ACT_ERRNO' })).filter
  assert.equal(answer(native, { arch: AUDIT_ARCH_X86_64, nr: 0 }), 'ALLOW', 'the native architecture needs not be listed')
  assert.equal(answer(native, { arch: AUDIT_ARCH_X86_64, nr: X32 }), 'KILL_THREAD')
  assert.equal(answer(native, { arch: AUDIT_ARCH_I386, nr: 3 }), 'KILL_THREAD')
})

test('foreign architectures of the same byte order are compiled too', () => {
  const { filter } = compileSeccomp(
    profile([allow(['read'])], {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: ['SCMP_ARCH_ARM', 'SCMP_ARCH_AARCH64', 'SCMP_ARCH_MIPSEL', 'SCMP_ARCH_RISCV64'],
    }),
  )
  assert.equal(answer(filter, { arch: AUDIT_ARCH_ARM, nr: 3 }), 'ALLOW')
  assert.equal(answer(filter, { arch: AUDIT_ARCH_AARCH64, nr: 63 }), 'ALLOW')
  assert.equal(answer(filter, { arch: AUDIT_ARCH_MIPSEL, nr: 4003 }), 'ALLOW')
  assert.equal(answer(filter, { arch: AUDIT_ARCH_MIPSEL, nr: 4002 }), 'ERRNO 1')
  assert.equal(answer(filter, { arch: AUDIT_ARCH_MIPSEL, nr: 4004 }), 'ERRNO 38')
})

test('a long profile, compiled to a tree, answers as its rules compiled one by one', () => {
  const names = (Object.keys(SYSCALLS) as SyscallName[]).filter((_, index) => index % 3 !== 0)
  const known = names.filter((name) => libseccomp().seccomp_syscall_resolve_name(name) >= 0)
  const highest = Math.max(...known.map((name) => syscallNumber(name, ARCH)))
  const { filter } = compileSeccomp(
    profile([allow(names), { names: ['keyctl', 'bpf'], action: 'SCMP_ACT_ERRNO', errnoRet: 22 }], { defaultAction: 'SCMP_ACT_ERRNO' }),
  )
  const expected = new Map<number, string>(known.map((name) => [syscallNumber(name, ARCH), 'ALLOW']))
  for (const name of ['keyctl', 'bpf'] as const) if (!known.includes(name)) expected.set(syscallNumber(name, ARCH), 'ERRNO 22')
  for (let nr = 0; nr < 600; nr++) {
    assert.equal(ask(filter, nr), nr > highest ? 'ERRNO 38' : (expected.get(nr) ?? 'ERRNO 1'), `call ${nr}`)
  }
})

test('flags: absent means SPEC_ALLOW, TSYNC means nothing, a listener comes with NOTIFY', () => {
  const flags = (list?: LinuxSeccomp['flags']): number => compileSeccomp(profile([allow(['read'])], { flags: list })).flags
  assert.equal(flags(), 4)
  assert.equal(flags([]), 0)
  assert.equal(flags(['SECCOMP_FILTER_FLAG_TSYNC']), 0)
  assert.equal(flags(['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW']), 6)
  const notify = profile([{ names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' }], { listenerPath: '/run/agent.sock', listenerMetadata: 'bar' })
  const compiled = compileSeccomp({ ...notify, flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] })
  assert.equal(compiled.flags, 0x28)
  assert.deepEqual(compiled.listener, { path: '/run/agent.sock', metadata: 'bar' })
  assert.equal(compileSeccomp(profile([allow(['read'])], { listenerPath: '/run/agent.sock' })).listener, undefined)
})

test('what cannot work is refused with its path', () => {
  const errno = (args: readonly LinuxSeccompArg[]): LinuxSeccomp =>
    profile([allow(['read']), { names: ['dup3'], action: 'SCMP_ACT_ERRNO', args }])
  const notify = (names: readonly string[], rest: Partial<LinuxSeccomp>): LinuxSeccomp =>
    profile([allow(['read']), { names, action: 'SCMP_ACT_NOTIFY' }], rest)
  const from = (json: unknown): LinuxSeccomp => json as LinuxSeccomp
  refused(errno([arg(6, 'SCMP_CMP_EQ', 0n)]), 'linux.seccomp.syscalls[1].args[0].index', /6 is not within 0–5/)
  refused(errno([arg(0, 'SCMP_CMP_EQ', 0n), arg(1, 'SCMP_CMP_EQ', -1n)]), 'linux.seccomp.syscalls[1].args[1].value', /not within/)
  refused(
    from(errno([from({ index: 0, op: 'EQ', value: 1n }) as never])),
    'linux.seccomp.syscalls[1].args[0].op',
    /"EQ" is none of SCMP_CMP_NE/,
  )
  refused(profile([{ names: [''], action: 'SCMP_ACT_ERRNO' }]), 'linux.seccomp.syscalls[0].names[0]', /empty/)
  refused(profile([{ names: ['dup'], action: 'SCMP_ACT_ERRNO', errnoRet: 65536 }]), 'linux.seccomp.syscalls[0].errnoRet', /0–65535/)
  refused(from({ defaultAction: 'ALLOW' }), 'linux.seccomp.defaultAction', /"ALLOW" is none of SCMP_ACT_KILL/)
  refused(
    from(profile([from({ names: ['dup'], action: 'toString' }) as never])),
    'linux.seccomp.syscalls[0].action',
    /"toString" is none of/,
  )
  refused(from(profile([], { architectures: ['SCMP_ARCH_Z80' as never] })), 'linux.seccomp.architectures[0]', /"SCMP_ARCH_Z80" is none of/)
  refused(profile([], { architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_S390X'] }), 'linux.seccomp.architectures[1]', /byte order/)
  refused(
    from(profile([], { flags: ['SECCOMP_FILTER_FLAG_X' as never] })),
    'linux.seccomp.flags[0]',
    /is none of SECCOMP_FILTER_FLAG_TSYNC/,
  )
  refused(profile([], { flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'] }), 'linux.seccomp.flags[0]', /needs a rule with SCMP_ACT_NOTIFY/)
  refused({ defaultAction: 'SCMP_ACT_NOTIFY' }, 'linux.seccomp.defaultAction', /SCMP_ACT_NOTIFY cannot be used as default action/)
  refused(
    notify(['mkdir', 'write'], { listenerPath: '/x' }),
    'linux.seccomp.syscalls[1].names[1]',
    /SCMP_ACT_NOTIFY cannot be used for the write syscall/,
  )
  refused(notify(['mkdir'], {}), 'linux.seccomp.listenerPath', /absolute path/)
  refused(notify(['mkdir'], { listenerPath: '@abstract' }), 'linux.seccomp.listenerPath', /absolute path/)
})

test('a filter that the kernel would not take is refused', () => {
  const args = Array.from({ length: 2200 }, (_, index) => arg(0, 'SCMP_CMP_EQ', BigInt(index) << 32n))
  refused(profile([{ names: ['dup3'], action: 'SCMP_ACT_ERRNO', args }]), 'linux.seccomp.syscalls', /instructions, the kernel takes 4096/)
})
