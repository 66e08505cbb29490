/** linux.seccomp: actions, arguments, architectures and flags, asserted by what system calls answer. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { type SeccompConfig, shell, type SyscallConfig } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { OURS, wherryOnly } from '../../support/runtime.ts'
import { calls64, mkdir32 } from '../../support/tiny-elf.ts'

const skip = requires('root', 'busybox')

const NATIVE = { x64: 'SCMP_ARCH_X86_64', arm64: 'SCMP_ARCH_AARCH64' }[process.arch as 'x64' | 'arm64']

const profile = (...syscalls: SyscallConfig[]): SeccompConfig => ({ defaultAction: 'SCMP_ACT_ALLOW', architectures: [NATIVE], syscalls })

const MKDIR = ['mkdir', 'mkdirat']

test('SCMP_ACT_ERRNO answers with EPERM, or with the errno that is given', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile(
      { names: MKDIR, action: 'SCMP_ACT_ERRNO' },
      { names: ['symlink', 'symlinkat'], action: 'SCMP_ACT_ERRNO', errnoRet: 38 },
      { names: ['mknod', 'mknodat'], action: 'SCMP_ACT_ERRNO', errnoRet: 0 },
    )
  })
  assert.deepEqual(await box.lines('exec 2>&1; mkdir /tmp/a; ln -s a /tmp/b; mkfifo /tmp/c; ls -A /tmp; grep Seccomp: /proc/self/status'), [
    "mkdir: can't create directory '/tmp/a': Operation not permitted",
    'ln: /tmp/b: Function not implemented',
    'Seccomp:\t2', // errno 0: mkfifo believes to have succeeded
  ])
})

test('defaultErrnoRet is the errno of all that has none of its own', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = { ...profile({ names: MKDIR, action: 'SCMP_ACT_ALLOW' }), defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 12 }
    linux.seccomp.syscalls!.push({ names: ALMOST_ALL, action: 'SCMP_ACT_ALLOW' })
  })
  assert.deepEqual(await box.lines('exec 2>&1; mkdir /tmp/a && ls /tmp; ln -s a /tmp/b; true'), ['a', 'ln: /tmp/b: Cannot allocate memory'])
})

test('SCMP_ACT_KILL and its kinds end the process with SIGSYS', { skip }, async (t) => {
  const box = bundle(t)
  for (const action of ['SCMP_ACT_KILL', 'SCMP_ACT_KILL_THREAD', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP']) {
    box.config.linux.seccomp = profile({ names: MKDIR, action })
    assert.equal(await box.probe('(mkdir /tmp/a) 2>/dev/null; echo $?; ls -A /tmp'), String(128 + 31), action)
  }
})

test('SCMP_ACT_LOG and SCMP_ACT_ALLOW let the call through', { skip }, async (t) => {
  const box = bundle(t)
  for (const action of ['SCMP_ACT_LOG', 'SCMP_ACT_ALLOW']) {
    box.config.linux.seccomp = { ...profile({ names: MKDIR, action }) }
    assert.equal(await box.probe('mkdir /tmp/a && ls /tmp && rmdir /tmp/a'), 'a', action)
  }
})

test('SCMP_ACT_TRACE answers with ENOSYS where nobody traces', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile({ names: MKDIR, action: 'SCMP_ACT_TRACE', errnoRet: 7 })
  })
  assert.match(await box.probe('mkdir /tmp/a 2>&1; true'), /Function not implemented/)
})

/** kill(2): its second argument is the signal. SIGUSR1 is 10, SIGUSR2 12, SIGCONT 18, SIGWINCH 28. */
const SIGNALS = 'trap : USR1 USR2; for s in 10 12 18 28; do kill -$s $$ 2>/dev/null && echo $s; done; true'

const OPERATORS: readonly (readonly [{ op: string; value: number; valueTwo?: number }, string])[] = [
  [{ op: 'SCMP_CMP_EQ', value: 12 }, '10 18 28'],
  [{ op: 'SCMP_CMP_NE', value: 12 }, '12'],
  [{ op: 'SCMP_CMP_LT', value: 12 }, '12 18 28'],
  [{ op: 'SCMP_CMP_LE', value: 12 }, '18 28'],
  [{ op: 'SCMP_CMP_GT', value: 12 }, '10 12'],
  [{ op: 'SCMP_CMP_GE', value: 12 }, '10'],
  [{ op: 'SCMP_CMP_MASKED_EQ', value: 0b11000, valueTwo: 0b10000 }, '10 12 28'],
]

test('arguments, by every operator', { skip: skip || requires('x64') }, async (t) => {
  const box = bundle(t)
  for (const [comparison, let_through] of OPERATORS) {
    box.config.linux.seccomp = profile({ names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 1, ...comparison }] })
    assert.equal((await box.probe(SIGNALS)).replaceAll('\n', ' '), let_through, comparison.op)
  }
})

test('arguments of different indexes must all match, of one index any', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile({
      names: ['kill'],
      action: 'SCMP_ACT_ERRNO',
      args: [
        { index: 0, value: 2 ** 31, op: 'SCMP_CMP_LT' },
        { index: 1, value: 12, op: 'SCMP_CMP_EQ' },
      ],
    })
  })
  assert.equal((await box.probe(SIGNALS)).replaceAll('\n', ' '), '10 18 28')
  box.config.linux.seccomp = profile({
    names: ['kill'],
    action: 'SCMP_ACT_ERRNO',
    args: [
      { index: 1, value: 10, op: 'SCMP_CMP_EQ' },
      { index: 1, value: 12, op: 'SCMP_CMP_EQ' },
    ],
  })
  assert.equal((await box.probe(SIGNALS)).replaceAll('\n', ' '), '18 28')
})

test('names that the kernel does not know are passed over', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile({ names: ['no_such_call', ...MKDIR], action: 'SCMP_ACT_ERRNO' })
  })
  assert.match(await box.probe('mkdir /tmp/a 2>&1; true'), /Operation not permitted/)
})

test('calls newer than those of the profile are answered with ENOSYS, others with the default', {
  skip: skip || requires('x64'),
}, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_ERRNO',
      architectures: [NATIVE],
      syscalls: [{ names: ALMOST_ALL, action: 'SCMP_ACT_ALLOW' }],
    }
    calls64(made.in('/newer'), 999)
    calls64(made.in('/older'), 165) // mount(2)
  })
  assert.deepEqual(await box.lines('/newer; echo $?; /older; echo $?'), ['38', '1'])
})

test('set-up works under filters that refuse nearly everything', {
  skip: skip || wherryOnly('a filter that is the last step'),
}, async (t) => {
  const box = bundle(t, ({ linux, process }) => {
    process.user = { uid: 1000, gid: 1000 }
    linux.seccomp = {
      defaultAction: 'SCMP_ACT_KILL_PROCESS',
      architectures: [NATIVE],
      syscalls: [{ names: STARTS_BUSYBOX, action: 'SCMP_ACT_ALLOW' }],
    }
  })
  for (const noNewPrivileges of [true, false]) {
    box.config.process.noNewPrivileges = noNewPrivileges
    const result = await box.run(['echo', 'started'])
    assert.equal(result.stdout, 'started\n', result.stderr)
  }
})

test('calls of another architecture are refused unless it is listed', { skip: skip || requires('x64') }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    mkdir32(made.in('/mkdir32'), '/made')
    linux.seccomp = profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO', errnoRet: 13 })
  })
  const only = await box.run(shell('/mkdir32; echo $?'))
  assert.equal(only.stdout, `${128 + 31}\n`, 'an unlisted architecture is killed')
  box.config.linux.seccomp!.architectures!.push('SCMP_ARCH_X86')
  assert.equal((await box.run(shell('/mkdir32; echo $?'))).stdout, '13\n')
  delete box.config.linux.seccomp
  assert.equal((await box.run(shell('/mkdir32; echo $?; ls -d /made'))).stdout, '0\n/made\n')
})

test("exec runs under the container's filter", { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO' })
  })
  const { pid } = await box.up()
  assert.match(readFileSync(`/proc/${pid}/status`, 'utf8'), /^Seccomp:\t2$/m)
  assert.match(await box.inside('mkdir /tmp/a 2>&1; grep Seccomp: /proc/self/status'), /Operation not permitted\nSeccomp:\t2$/)
})

test('flags: SPEC_ALLOW leaves speculation as it is', { skip }, async (t) => {
  const own = /^Speculation_Store_Bypass:\s*(.*)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = {
      ...profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO' }),
      flags: ['SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_LOG'],
    }
  })
  assert.equal(await box.probe("sed -n 's/^Speculation_Store_Bypass:\t//p' /proc/self/status"), own)
})

test('--debug says which flags the filter has', { skip }, async (t) => {
  const box = bundle(t)
  box.globals = ['--debug']
  for (const [flags, value] of [
    [undefined, 4],
    [[], 0],
    [['SECCOMP_FILTER_FLAG_LOG'], 2],
    [['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW'], 6],
    [['SECCOMP_FILTER_FLAG_TSYNC'], 0],
  ] as const) {
    const config = profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO' })
    box.config.linux.seccomp = flags === undefined ? config : { ...config, flags: [...flags] }
    assert.match((await box.run(['true'])).stderr, new RegExp(`msg="seccomp filter flags: ${value}"`), JSON.stringify(flags))
  }
})

test('a filter is used again: the second start compiles nothing', { skip: skip || wherryOnly('cached filters') }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO' })
  })
  const cached = () => readdirSync(`${box.root}/@cache`, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  await box.probe('true')
  const [file, ...others] = cached()
  assert.deepEqual(others, [])
  const { ino } = statSync(`${file!.parentPath}/${file!.name}`)
  assert.match(await box.probe('mkdir /tmp/a 2>&1; true'), /Operation not permitted/)
  assert.deepEqual(
    cached().map(({ name }) => name),
    [file!.name],
  )
  assert.equal(statSync(`${file!.parentPath}/${file!.name}`).ino, ino)
  // what has been tampered with is not used
  writeFileSync(`${file!.parentPath}/${file!.name}`, 'garbage')
  assert.match(await box.probe('mkdir /tmp/a 2>&1; true'), /Operation not permitted/)
})

test('a profile that cannot be compiled is refused before anything is made', { skip }, async (t) => {
  const box = bundle(t)
  const bad: readonly (readonly [SeccompConfig, RegExp])[] = [
    [{ defaultAction: 'SCMP_ACT_NOPE' }, /linux\.seccomp\.defaultAction/],
    [profile({ names: ['mkdir'], action: 'SCMP_ACT_NOPE' }), /linux\.seccomp\.syscalls\[0\]\.action/],
    [
      profile({ names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 6, value: 1, op: 'SCMP_CMP_EQ' }] }),
      /syscalls\[0\]\.args\[0\]\.index/,
    ],
    [
      profile({ names: ['kill'], action: 'SCMP_ACT_ERRNO', args: [{ index: 1, value: 1, op: 'SCMP_CMP_NOPE' }] }),
      /syscalls\[0\]\.args\[0\]\.op/,
    ],
    [{ ...profile(), architectures: ['SCMP_ARCH_NOPE'] }, /linux\.seccomp\.architectures\[0\]/],
    [{ ...profile({ names: MKDIR, action: 'SCMP_ACT_ERRNO' }), flags: ['SECCOMP_FILTER_FLAG_NOPE'] }, /linux\.seccomp\.flags\[0\]/],
  ]
  for (const [seccomp, reason] of bad) {
    box.config.linux.seccomp = seccomp
    await box.refused(reason)
  }
})

/** What a static busybox calls between execve and the end of `echo`. */
const STARTS_BUSYBOX =
  'execve arch_prctl brk mprotect mmap munmap getuid geteuid getgid getegid setuid setgid setresuid setresgid prctl write writev exit exit_group set_tid_address set_robust_list rseq readlink readlinkat prlimit64 getrandom fstat newfstatat ioctl fcntl rt_sigprocmask futex uname'.split(
    ' ',
  )

/** What the shell and its tools need, and nothing that makes links. */
const ALMOST_ALL = [
  ...STARTS_BUSYBOX,
  ...'access alarm capget capset chdir chmod chown clone clone3 close dup dup2 dup3 epoll_create1 faccessat faccessat2 fchdir fchmod fchmodat fchown fork getcwd getdents getdents64 getgroups getpgid getpgrp getpid getppid getsid gettid getxattr kill lgetxattr lseek lstat nanosleep clock_nanosleep clock_gettime open openat pipe pipe2 poll ppoll pread64 read rename rmdir rt_sigaction rt_sigreturn rt_sigsuspend sched_getaffinity sendfile setgroups setpgid setsid sigaltstack stat statfs statx sysinfo tgkill time umask unlink unlinkat utimensat vfork wait4 waitid'.split(
    ' ',
  ),
  // a runtime that loads the filter early
  ...(OURS ? [] : 'fstatfs openat2 close_range epoll_ctl epoll_pwait eventfd2 madvise sched_yield'.split(' ')),
]
