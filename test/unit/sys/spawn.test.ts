/** Programs are started with what they are given and nothing else, and leave nothing open here. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, fstatSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { AT_FDCWD, F_GET_SEALS, F_GETFD, FD_CLOEXEC, O_DIRECTORY, O_RDONLY } from '../../../runtime/sys/abi/fcntl.ts'
import { SIG_SETMASK, SIGNALS, SIGSET_SIZE } from '../../../runtime/sys/abi/signal.ts'
import { WNOHANG } from '../../../runtime/sys/abi/wait.ts'
import { executableFile, type Placement, posixSpawn } from '../../../runtime/sys/spawn.ts'
import { ARCH, syscall, trySyscall } from '../../../runtime/sys/syscall.ts'
import { waitFor } from '../../support/program.ts'
import { requires } from '../../support/requires.ts'

const folderOf = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-spawn-'))
  t.after(() => rmSync(folder, { recursive: true }))
  return folder
}

const openDescriptors = (): string[] => readdirSync('/proc/self/fd').filter((fd) => existsSync(`/proc/self/fd/${fd}`) || isOpen(Number(fd)))

const isOpen = (fd: number): boolean => trySyscall('fcntl', fd, F_GETFD) >= 0

/** What of this process a child gets without being given it. */
const inheritable = (): number[] =>
  readdirSync('/proc/self/fd')
    .map(Number)
    .filter((fd) => isOpen(fd) && (trySyscall('fcntl', fd, F_GETFD) & FD_CLOEXEC) === 0)

/** Copies files of /proc/self to descriptor 1. */
const copying = (paths: readonly string[], links: readonly string[] = []): Uint8Array => {
  const p = new Program(ARCH)
  const buffer = p.buffer(65536)
  for (const path of paths) {
    const fd = p.call('openat', [AT_FDCWD, path, O_RDONLY, 0])
    p.call('write', [1, buffer, p.call('read', [fd, buffer, 65536])])
    p.call('close', [fd])
  }
  for (const path of links) p.call('write', [1, buffer, p.call('readlinkat', [AT_FDCWD, path, buffer, 65536])])
  p.exit(0)
  return link(p).elf
}

/** Runs an executable to its end; what it wrote to descriptor 1. */
const outputOf = (
  t: TestContext,
  elf: Uint8Array,
  placements: readonly Placement[] = [],
  argv: readonly string[] = ['program'],
): string => {
  const folder = folderOf(t)
  const output = openSync(join(folder, 'output'), 'w+')
  const executable = executableFile(elf, folder)
  try {
    const pid = posixSpawn(executable, argv, [...placements, { from: output, to: 1 }])
    assert.deepEqual(waitFor(pid), { status: 0, signal: undefined })
  } finally {
    closeSync(executable)
    closeSync(output)
  }
  return readFileSync(join(folder, 'output'), 'utf8')
}

test('no signal is blocked, ignored or handled', (t) => {
  const [blocked, before] = [Buffer.alloc(SIGSET_SIZE), Buffer.alloc(SIGSET_SIZE)]
  for (const signal of [SIGNALS.SIGUSR2, SIGNALS.SIGTERM, SIGNALS.SIGPIPE]) blocked[(signal - 1) >> 3]! |= 1 << ((signal - 1) & 7)
  syscall('rt_sigprocmask', [SIG_SETMASK, blocked, before, SIGSET_SIZE])
  t.after(() => syscall('rt_sigprocmask', [SIG_SETMASK, before, 0, SIGSET_SIZE]))
  process.on('SIGUSR1', () => {})
  t.after(() => process.removeAllListeners('SIGUSR1'))
  const ignored = BigInt(`0x${/^SigIgn:\s+(\w+)/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]}`)
  assert.ok((ignored >> BigInt(SIGNALS.SIGPIPE - 1)) & 1n, 'Node ignores SIGPIPE')
  const status = outputOf(t, copying(['/proc/self/status']))
  for (const set of ['SigBlk', 'SigIgn', 'SigCgt', 'SigPnd', 'ShdPnd']) assert.match(status, new RegExp(`^${set}:\\s+0+$`, 'm'), set)
})

test('arguments are those given, the environment is empty', (t) => {
  process.env['WHERRY_TEST_SECRET'] = 'secret'
  t.after(() => delete process.env['WHERRY_TEST_SECRET'])
  assert.equal(outputOf(t, copying(['/proc/self/cmdline', '/proc/self/environ']), [], ['one', '', 'drei ü']), 'one\0\0drei ü\0')
})

test('the executable is the sealed memory file', (t) => {
  assert.equal(outputOf(t, copying([], ['/proc/self/exe'])), '/memfd:wherry (deleted)')
  const fd = executableFile(copying([]), folderOf(t))
  t.after(() => closeSync(fd))
  assert.equal(syscall('fcntl', [fd, F_GET_SEALS]), 0xf, 'F_SEAL_SEAL, SHRINK, GROW, WRITE')
  assert.equal(fstatSync(fd).mode & 0o7777, 0o555)
  assert.equal(trySyscall('fcntl', fd, F_GETFD), FD_CLOEXEC)
  assert.throws(() => writeSync(fd, 'x', 0), { code: 'EPERM' })
})

/** A program that writes the number of each descriptor to it. */
const marking = (fds: readonly number[]): Uint8Array => {
  const p = new Program(ARCH)
  for (const fd of fds) p.call('write', [fd, `<${fd}>`, String(fd).length + 2])
  p.exit(0)
  return link(p).elf
}

test('descriptors are placed under numbers that are taken here, by each other and by the executable', (t) => {
  const folder = folderOf(t)
  const files = ['a', 'b', 'c', 'd'].map((name) => openSync(join(folder, name), 'w+'))
  const [a, b, c, d] = files as [number, number, number, number]
  const spare = openSync(join(folder, 'spare'), 'w+')
  closeSync(spare)
  const executable = executableFile(marking([a, b, c, d, spare]), folder)
  assert.equal(executable, spare, 'the lowest free number')
  try {
    const placements = [
      { from: a, to: b },
      { from: b, to: c },
      { from: c, to: a },
      { from: d, to: d },
      { from: a, to: executable },
    ]
    assert.deepEqual(waitFor(posixSpawn(executable, ['program'], placements)), { status: 0, signal: undefined })
    assert.deepEqual(
      ['a', 'b', 'c', 'd'].map((name) => readFileSync(join(folder, name), 'utf8')),
      [`<${b}><${executable}>`, `<${c}>`, `<${a}>`, `<${d}>`],
    )
  } finally {
    for (const fd of [...files, executable]) closeSync(fd)
  }
})

test('two descriptors under one number are refused', (t) => {
  const executable = executableFile(copying([]), folderOf(t))
  t.after(() => closeSync(executable))
  const placements = [
    { from: 0, to: 5 },
    { from: 1, to: 5 },
  ]
  assert.throws(() => posixSpawn(executable, ['program'], placements), {
    name: 'RangeError',
    message: 'two descriptors are to be placed under one number',
  })
})

test('nothing else is open in the program', (t) => {
  const p = new Program(ARCH)
  const buffer = p.buffer(4096)
  const folder = p.call('openat', [AT_FDCWD, '/proc/self/fd', O_RDONLY | O_DIRECTORY[ARCH], 0])
  p.call('write', [1, buffer, p.call('getdents64', [folder, buffer, 4096])])
  p.exit(0)
  const kept = inheritable()
  const file = openSync('/dev/null', 'r')
  t.after(() => closeSync(file))
  const entries = Buffer.from(outputOf(t, link(p).elf, [{ from: file, to: 9 }]), 'utf8')
  const names = entries
    .toString('latin1')
    .match(/(?<=[\x00-\x1f])\d+(?=\0)/g)!
    .map(Number)
  const expected = new Set([...kept, 1, 9])
  const own = [...Array(100).keys()].find((fd) => !expected.has(fd))! // the folder itself
  assert.deepEqual(new Set(names), new Set([...expected, own]))
})

test('memory that is held here is not the program’s', (t) => {
  const held = Buffer.alloc(512 << 20)
  for (let at = 0; at < held.length; at += 4096) held[at] = 1
  const status = outputOf(t, copying(['/proc/self/status']))
  const kilobytes = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)![1])
  assert.ok(kilobytes('VmRSS') < 1024, status)
  assert.ok(kilobytes('VmSize') < 4096, status)
  assert.equal(held[4096], 1)
})

test('what is no executable is an error that names the program, and leaves nothing', (t) => {
  const folder = folderOf(t)
  const before = openDescriptors()
  const garbage = executableFile(Buffer.from('not an executable'), folder)
  try {
    assert.throws(
      () =>
        posixSpawn(
          garbage,
          ['stage'],
          [
            { from: garbage, to: 3 },
            { from: 1, to: garbage },
          ],
        ),
      {
        name: 'SyscallError',
        code: 'ENOEXEC',
        message: /^posix_spawn program=stage: ENOEXEC/,
      },
    )
  } finally {
    closeSync(garbage)
  }
  assert.deepEqual(openDescriptors(), before)
  assert.equal(trySyscall('wait4', -1, 0, WNOHANG, 0), -ERRNO.ECHILD)
})

test('a descriptor that is not open is an error, and leaves nothing', (t) => {
  const before = openDescriptors()
  const executable = executableFile(copying([]), folderOf(t))
  assert.throws(() => posixSpawn(executable, ['program'], [{ from: 900, to: 3 }]), { name: 'SyscallError', code: 'EBADF' })
  assert.throws(
    () =>
      posixSpawn(
        executable,
        ['program'],
        [
          { from: 900, to: 3 },
          { from: 1, to: 900 },
        ],
      ),
    { name: 'SyscallError', code: 'EBADF' },
  )
  closeSync(executable)
  assert.deepEqual(openDescriptors(), before)
})

test('a NUL byte in an argument is refused', (t) => {
  const executable = executableFile(copying([]), folderOf(t))
  t.after(() => closeSync(executable))
  assert.throws(() => posixSpawn(executable, ['pro\0gram'], []), { name: 'TypeError' })
})

test('a hundred programs leave no descriptor and no child', (t) => {
  const folder = folderOf(t)
  const before = openDescriptors()
  for (let count = 0; count < 100; count += 1) {
    const executable = executableFile(copying([]), folder)
    const pid = posixSpawn(
      executable,
      ['program'],
      [
        { from: executable, to: 3 },
        { from: 2, to: executable },
      ],
    )
    closeSync(executable)
    assert.equal(waitFor(pid).status, 0)
  }
  assert.deepEqual(openDescriptors(), before)
  assert.equal(trySyscall('wait4', -1, 0, WNOHANG, 0), -ERRNO.ECHILD)
})

const helper = fileURLToPath(new URL('spawn-helper.ts', import.meta.url))

/** Runs spawn-helper.ts under a shell command line; what it reports. */
const underShell = (t: TestContext, line: string): Readonly<Record<string, unknown>> => {
  const folder = folderOf(t)
  const report = join(folder, 'report')
  const { status, stderr } = spawnSync('sh', ['-c', line, 'sh', process.execPath, helper, report, folder], { encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return JSON.parse(readFileSync(report, 'utf8')) as Readonly<Record<string, unknown>>
}

test('standard streams that are closed here', (t) => {
  const { status, leaked, file } = underShell(t, 'exec "$@" <&- >&- 2>&-')
  assert.deepEqual({ status, leaked, file }, { status: 0, leaked: [], file: '<1>' })
})

test('standard streams that are closed while running', (t) => {
  const { status, leaked, file } = underShell(t, 'exec "$@" close')
  assert.deepEqual({ status, leaked, file }, { status: 0, leaked: [], file: '<1>' })
})

test('where memory cannot be executed the program is a file that no folder has', {
  skip: requires('root') || (!existsSync('/proc/sys/vm/memfd_noexec') && 'requires sysctl vm.memfd_noexec (Linux 6.3)'),
}, (t) => {
  const { status, leaked, exe, folder } = underShell(
    t,
    'unshare --pid --fork sh -c \'echo 2 > /proc/sys/vm/memfd_noexec && exec "$@"\' sh "$@"',
  )
  assert.deepEqual({ status, leaked, folder }, { status: 0, leaked: [], folder: ['output', 'report'] })
  assert.match(String(exe), /\/\.program-.* \(deleted\)$/)
})

test('the helper runs from memory where it may', (t) => {
  assert.equal(underShell(t, 'exec "$@"')['exe'], '/memfd:wherry (deleted)')
})
