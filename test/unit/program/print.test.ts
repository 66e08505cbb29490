/** The listing of a program. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { link } from '../../../runtime/program/link.ts'
import { Cell } from '../../../runtime/program/operand.ts'
import { MESSAGE_OFFSET } from '../../../runtime/program/page.ts'
import { print } from '../../../runtime/program/print.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import {
  AT_EMPTY_PATH,
  AT_FDCWD,
  O_CLOEXEC,
  O_PATH,
  O_WRONLY,
  OPEN_HOW,
  RESOLVE_IN_ROOT,
  RESOLVE_NO_MAGICLINKS,
} from '../../../runtime/sys/abi/fcntl.ts'
import { POLLIN } from '../../../runtime/sys/abi/poll.ts'
import { CLONE_NEWPID, CLONE_PARENT } from '../../../runtime/sys/abi/sched.ts'
import { S_IFCHR, S_IFDIR, S_IFMT, STATX, STATX_TYPE } from '../../../runtime/sys/abi/stat.ts'
import { P_PID, SIGINFO, WEXITED } from '../../../runtime/sys/abi/wait.ts'

const HEADING = 2

/** The listing of what `write` appends, without the heading; it must be a program that links. */
const listing = (write: (p: Program) => void): string => {
  const p = new Program('x64')
  write(p)
  link(p)
  return print(p).split('\n').slice(HEADING).join('\n')
}

/** The same without the exit that every program needs. */
const lines = (write: (p: Program) => void): string[] =>
  listing((p) => {
    write(p)
    p.exit(0)
  })
    .trimEnd()
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/ {4,}(?=\S)/g, (spaces, at: number) => (at === 0 ? spaces : '   ')).replace(/^ +/, ''))

test('a program as a whole', () => {
  const text = listing((p) => {
    const root = p.cell('root')
    p.during = 'stage'
    p.call('mmap', [p.page, 4096, 3, 0x11, 3, 0])
    p.call('openat', [AT_FDCWD, '/rootfs', O_PATH | O_CLOEXEC, 0], { into: root })
    p.during = 'cloning init'
    const child = p.fork(
      () => {
        p.during = 'mounts[3] /proc'
        const how = p.words([O_PATH | O_CLOEXEC, 0, RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS])
        const missing = p.label()
        const target = p.call('openat2', [root, 'proc', how, OPEN_HOW.size], { tolerate: { ENOENT: missing } })
        const proc = p.call('fsopen', ['proc', 1])
        p.callOr(() => p.call('read', [proc, p.page.plus(MESSAGE_OFFSET), 1023], { negative: 'next' }), 'fsconfig', [proc, 6, 0, 0, 0])
        p.call('move_mount', [p.call('fsmount', [proc, 1, 0]), '', target, '', 0x44])
        p.place(missing)
        p.during = undefined
        p.call('sethostname', ['box', 3], { tolerate: ['EPERM'] })
        p.call('execve', ['/bin/sh', p.strings(['sh', '-c', 'echo "hi"']), p.strings(['SECRET=1'])])
      },
      { flags: CLONE_PARENT | CLONE_NEWPID, into: p.shared(16, 'init') },
    )
    p.during = 'waiting'
    const again = p.label()
    p.place(again)
    p.call('wait4', [child, p.buffer(8), 0, 0], { tolerate: { EINTR: again, ECHILD: again } })
    p.exit(0)
  })
  assert.equal(
    text,
    `
       # stage
    0  mmap(page, 4096, PROT_READ|PROT_WRITE, MAP_SHARED|MAP_FIXED, 3, 0)
    1  root = openat(AT_FDCWD, "/rootfs", O_PATH|O_CLOEXEC)

       # cloning init
    2  page.init = clone(CLONE_PARENT|CLONE_NEWPID)                                    parent → 14
       │
       │ # mounts[3] /proc
    3  │ v3 = openat2(root, "proc", {flags=O_PATH|O_CLOEXEC, resolve=RESOLVE_NO_MAGICLINKS|RESOLVE_IN_ROOT}, 24)   ENOENT → 11
    5  │ v5 = fsopen("proc", FSOPEN_CLOEXEC)
    6  │ fsconfig(v5, FSCONFIG_CMD_CREATE, NULL, NULL, 0)                              if it fails: read(v5, page.message, 1023)
    9  │ v9 = fsmount(v5, FSMOUNT_CLOEXEC, 0)
   10  │ move_mount(v9, "", v3, "", MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH)
       │
→  11  │ sethostname("box", 3)                                                         EPERM ok
   13  │ execve("/bin/sh", ["sh", "-c", "echo \\"hi\\""], [/* 1 variable */])

       # waiting
→  14  wait4(page.init, wstatus, 0, NULL)                                              EINTR, ECHILD → 14
   17  exit_group(0)
`,
  )
})

test('what follows from results', () => {
  const fd = (p: Program) => p.shared(16, 'fd')
  assert.deepEqual(
    lines((p) => {
      const end = p.label()
      p.call('read', [fd(p), p.buffer(8), 1], { positive: end })
      p.call('read', [fd(p), p.buffer(8), 1], { zero: end, negative: 'next' })
      p.call('read', [fd(p), p.buffer(8), 1], { zero: 'fail' })
      p.call('close', [fd(p)], { positive: end, zero: end })
      p.call('close', [fd(p)], { positive: end, zero: end, negative: end })
      p.call('close', [fd(p)], { positive: 'next', zero: 'next', negative: 'next' })
      p.call('close', [fd(p)], { negative: end })
      p.call('close', [fd(p)], { tolerate: { EIO: end, EBADF: end }, negative: end })
      p.call('openat', [AT_FDCWD, 'x', 0], { positive: end, zero: 'fail' })
      p.call('clone', [17, 0, 0, 0, 0], { zero: end })
      p.call('getpid', [])
      p.place(end)
    }),
    [
      '0  read(page.fd, buf0, 1)   > 0 → 13',
      '1  read(page.fd, buf1, 1)   0 → 13; errors ok',
      '2  read(page.fd, buf2, 1)   0 fails',
      '3  close(page.fd)   success → 13',
      '4  close(page.fd)   → 13',
      '5  close(page.fd)   errors ok',
      '6  close(page.fd)   errors → 13',
      '7  close(page.fd)   EIO, EBADF → 13; other errors → 13',
      '10  openat(AT_FDCWD, "x", O_RDONLY)   success → 13',
      '11  clone(SIGCHLD)   child → 13',
      '12  getpid()',
    ],
  )
})

test('compares', () => {
  assert.deepEqual(
    lines((p) => {
      const end = p.label()
      const value = p.cell('value')
      p.compare(value, -ERRNO.ENOENT, { equal: end })
      p.compare(value, 7, { otherwise: end })
      p.compare(value, 7, { equal: end, otherwise: end })
      p.compare(value, 7, { mask: 0x70, equal: 'fail' })
      p.compare(value, 0x2f, { mask: 0xff, otherwise: 'fail' })
      p.compare(value, 0, { mask: 1n << 63n, otherwise: end })
      p.compare(value, 0, { mask: 1n << 63n, equal: end })
      p.compute(value, { constant: -10 }, { negative: end })
      p.compute(value, { constant: -10 }, { negative: end, zero: end, positive: 'fail' })
      p.compute(value, { factor: -1, addend: p.cell('limit') }, { positive: end })
      p.compute(value, {}, { zero: end })
      p.compare(value, 5, {})
      p.jump(end)
      p.place(end)
    }),
    [
      '0  if value == -ENOENT goto 13',
      '1  if value != 7 goto 13',
      '2  goto 13',
      '3  if value & 0x70 == 7 fail',
      "4  if value & 0xff != '/' fail",
      '5  if value < 0 goto 13',
      '6  if value >= 0 goto 13',
      '7  if value < 10 goto 13',
      '8  if value > 10 fail, else goto 13',
      '9  if limit > value goto 13',
      '10  if value == 0 goto 13',
      '11  compare value - 5',
      '12  goto 13',
    ],
  )
})

test('compares lead to two places', () => {
  assert.deepEqual(
    lines((p) => {
      const [one, other] = [p.label(), p.label()]
      p.place(one)
      p.compare(p.cell('value'), 7, { equal: one, otherwise: other })
      p.compare(p.cell('value'), 7, { equal: one, otherwise: 'fail' })
      p.place(other)
    }),
    ['→   0  if value0 == 7 goto 0, else goto 2', '1  if value1 == 7 goto 0, else fail'],
  )
})

test('computations', () => {
  assert.deepEqual(
    lines((p) => {
      const [a, b, c] = [p.cell('a'), p.cell('b'), p.cell('c')]
      const into = { into: c }
      p.set(c, 5)
      p.set(c, -5)
      p.set(c, 0x1234_5678_9abc_def0n)
      p.copy(a, c)
      p.compute(a, { mask: 0xff }, into)
      p.compute(a, { mask: 0xff, factor: 16, addend: b, constant: -1 }, into)
      p.compute(a, { mask: 0xff, constant: 128 }, into)
      p.compute(a, { factor: -1 }, into)
      p.compute(a, { factor: -1, addend: b, constant: 8 }, into)
      p.compute(a, { constant: -1 }, { into: a, positive: 'fail' })
      p.compute(p.words(['/bin/sh']), {}, into)
      p.compute(p.words([12]), {}, into)
      p.exit(a)
      p.exit(c)
    }),
    [
      '0  c = 5',
      '1  c = -5',
      '2  c = 0x123456789abcdef0',
      '3  c = a',
      '4  c = a & 0xff',
      '5  c = (a & 0xff) * 16 + b - 1',
      '6  c = (a & 0xff) + 128',
      '7  c = -a',
      '8  c = b - a + 8',
      '9  a = a - 1   > 0 fails',
      '10  c = "/bin/sh"',
      '11  c = 12',
      '12  exit_group(a)',
      '13  exit_group(c)',
    ],
  )
})

test('what calls fill in is named by their parameters and fields', () => {
  assert.deepEqual(
    lines((p) => {
      const [statx, info] = [p.buffer(STATX.size), p.buffer(SIGINFO.size)]
      p.call('statx', [5, '', AT_EMPTY_PATH, STATX_TYPE, statx])
      p.compare(statx.plus(STATX.stx_mode), S_IFDIR, { mask: S_IFMT, otherwise: 'fail' })
      p.compare(statx.plus(STATX.stx_rdev_major), (3n << 32n) | 1n, { otherwise: 'fail' })
      p.compare(statx.plus(STATX.stx_uid), 1000, { mask: 0xffff_ffff, equal: 'fail' })
      p.call('waitid', [P_PID, 7, info, WEXITED, 0])
      p.compare(info.plus(SIGINFO.si_code), 1, { mask: 0xffff_ffff, otherwise: 'fail' })
      p.call('waitid', [P_PID, 7, statx, WEXITED, 0])
      p.compare(statx.plus(SIGINFO.si_pid), 7, { mask: 0xffff_ffff, otherwise: 'fail' })
      const fds = p.words([4n | (BigInt(POLLIN) << 32n), 5n | (BigInt(POLLIN) << 32n)])
      p.call('ppoll', [fds, 2, 0, 0, 8])
      p.compare(fds.plus(8), 0, { mask: BigInt(POLLIN) << 48n, otherwise: 'fail' })
      p.call('read', [p.call('signalfd4', [-1, p.words([0x4000]), 8, 0]), statx, 128])
      p.compare(statx, 15, { mask: 0xffff_ffff, otherwise: 'fail' })
      const statfs = p.buffer(120)
      p.call('fstatfs', [5, statfs])
      p.compare(statfs, 0x9fa0, { equal: 'fail' })
      p.compare(statfs.plus(100), 3, { mask: 0xffff, equal: 'fail' })
    }),
    [
      '0  statx(5, "", AT_EMPTY_PATH, STATX_TYPE, statxbuf)',
      '1  if statxbuf.stx_mode & S_IFMT != S_IFDIR fail',
      '2  if statxbuf.stx_rdev != makedev(1, 3) fail',
      '3  if statxbuf.stx_uid == 1000 fail',
      '4  waitid(P_PID, 7, infop4, WEXITED, NULL)',
      '5  if infop4.si_code != CLD_EXITED fail',
      '6  waitid(P_PID, 7, infop6, WEXITED, NULL)',
      '7  if infop6.si_pid != 7 fail',
      '8  ppoll(fds=[{fd=4, events=POLLIN}, {fd=5, events=POLLIN}], 2, NULL, NULL, 8)',
      '9  if fds[1].revents & POLLIN != 0 fail',
      '10  v10 = signalfd4(-1, [TERM], 8, 0)',
      '11  read(v10, buf11, 128)',
      '12  if buf11.ssi_signo != SIGTERM fail',
      '13  fstatfs(5, buf13)',
      '14  if buf13.f_type == 0x9fa0 fail',
      '15  if buf13[100] & 0xffff == 3 fail',
    ],
  )
})

test('a field beside the one that an op has stored', () => {
  assert.deepEqual(
    lines((p) => {
      const fds = p.words([BigInt(POLLIN) << 32n])
      p.call('dup', [5], { into: fds, width: 4 })
      p.call('ppoll', [fds, 1, 0, 0, 8])
      p.compare(fds, 0, { mask: BigInt(POLLIN) << 48n, otherwise: 'fail' })
      const info = p.buffer(SIGINFO.size)
      p.call('waitid', [P_PID, 7, info, WEXITED, 0])
      p.exit(p.compute(info.plus(SIGINFO.si_status), { mask: 0x7f, constant: 1 }))
    }),
    [
      '0  v0 = dup(5)',
      '1  ppoll([{fd=v0, events=POLLIN}], 1, NULL, NULL, 8)',
      '2  if fds[0].revents & POLLIN != 0 fail',
      '3  waitid(P_PID, 7, infop, WEXITED, NULL)',
      '4  v4 = (infop.si_status & 0x7f) + 1',
      '5  exit_group(v4)',
    ],
  )
})

test('results in structs, in the page and in nobody’s eyes', () => {
  assert.deepEqual(
    lines((p) => {
      const attr = p.words([0x100000, 0, 0, 0])
      p.call('openat', [AT_FDCWD, '/proc/self/ns/user', 0], { into: attr.plus(24) })
      p.call('mount_setattr', [5, '', AT_EMPTY_PATH, attr, 32])
      p.call('getpid', [], { into: p.page.plus(24) })
      p.call('getpid', [], { into: p.shared(32, 'pid') })
      p.call('getpid', [])
      const pidfd = new Cell(p.buffer(8), 'pidfd')
      p.call('clone3', [p.words([0x1000, pidfd.ref, 0, 0, 17]), 40], { positive: 'next' })
      p.call('close', [pidfd])
      const event = p.buffer(12)
      p.set(event, 1, 4)
      p.copy(pidfd, event.plus(4))
      p.call('epoll_ctl', [5, 1, pidfd, event])
    }),
    [
      '0  v0 = openat(AT_FDCWD, "/proc/self/ns/user", O_RDONLY)',
      '1  mount_setattr(5, "", AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_IDMAP, userns_fd=v0}, 32)',
      '2  page[24] = getpid()',
      '3  page.pid = getpid()',
      '4  getpid()',
      '5  clone3({flags=CLONE_PIDFD, pidfd=pidfd, exit_signal=SIGCHLD}, 40)',
      '6  close(pidfd)',
      '7  event.events = 1',
      '8  event.data = pidfd',
      '9  epoll_ctl(5, EPOLL_CTL_ADD, pidfd, event)',
    ],
  )
})

test('names that several results have are told apart', () => {
  assert.deepEqual(
    lines((p) => {
      const first = p.call('dup', [5], { name: 'copy' })
      const second = p.call('dup', [6], { name: 'copy' })
      p.call('close', [first])
      p.call('close', [second])
      p.call('read', [5, p.buffer(8), 1])
      p.call('read', [5, p.buffer(8), 1])
    }),
    ['0  copy0 = dup(5)', '1  copy1 = dup(6)', '2  close(copy0)', '3  close(copy1)', '4  read(5, buf4, 1)', '5  read(5, buf5, 1)'],
  )
})

test('descriptors that the program is started with', () => {
  assert.deepEqual(
    lines((p) => {
      p.descriptors.set(7, '/sys/fs/cgroup/tasks')
      p.call('write', [7, '0', 1])
      p.call('close', [8])
    }),
    ['0  write(7</sys/fs/cgroup/tasks>, "0", 1)', '1  close(8)'],
  )
})

test('headings', () => {
  const text = listing((p) => {
    p.call('getpid', [])
    p.during = 'mounts[0]'
    p.call('getpid', [])
    p.call('getpid', [], { during: 'mounts[0] type=proc' })
    p.call('getpid', [])
    p.during = 'mounts[0] and more'
    p.exit(0)
  })
  assert.equal(
    text,
    `    0  getpid()

       # mounts[0]
    1  getpid()
    2  getpid()
    3  getpid()

       # mounts[0] and more
    4  exit_group(0)
`,
  )
})

test('children within children', () => {
  const text = listing((p) => {
    p.during = 'parent'
    p.fork(() => {
      p.during = 'child'
      p.fork(() => {
        p.call('mknodat', [5, 'null', S_IFCHR | 0o666, 0x103])
        p.exit(2)
      })
      p.exit(1)
    })
    p.during = 'parent'
    p.exit(0)
  })
  assert.equal(
    text,
    `
       # parent
    0  clone(SIGCHLD)                                                                  parent → 5
       │
       │ # child
    1  │ clone(SIGCHLD)                                                                parent → 4
    2  │ │ mknodat(5, "null", S_IFCHR|0666, makedev(1, 3))
    3  │ │ exit_group(2)
→   4  │ exit_group(1)

       # parent
→   5  exit_group(0)
`,
  )
})

test('the heading says what is to be known', () => {
  const p = new Program('arm64')
  p.call('openat', [AT_FDCWD, 'x', O_WRONLY])
  p.exit(0)
  const [first, second] = print(p).split('\n')
  assert.match(first!, /arm64: 2\b/)
  assert.match(`${first} ${second}`, /errors that a line does not mention end the program/)
})
