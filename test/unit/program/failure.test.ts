/** What a failure page says becomes an error that names the call, its arguments and what to do. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { Program } from '../../../runtime/program/assembler.ts'
import { failureOf, UnexpectedResult } from '../../../runtime/program/failure.ts'
import { PAGE_SIZE } from '../../../runtime/program/layout.ts'
import { type Image, link } from '../../../runtime/program/link.ts'
import { MESSAGE_OFFSET, Page } from '../../../runtime/program/page.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { AT_EMPTY_PATH, AT_FDCWD, O_CLOEXEC, O_PATH, O_WRONLY } from '../../../runtime/sys/abi/fcntl.ts'
import { FSCONFIG_CMD_CREATE, FSCONFIG_SET_STRING, MS_NOSUID } from '../../../runtime/sys/abi/mount.ts'
import { CLONE_NEWUSER } from '../../../runtime/sys/abi/sched.ts'
import { S_IFDIR, S_IFMT, STATX, STATX_TYPE } from '../../../runtime/sys/abi/stat.ts'
import { restoreOps, type SavedOps, saveOps } from '../../../runtime/program/saved-ops.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { hintFor } from '../../../runtime/sys/hints.ts'
import { injectFailure } from '../../support/inject.ts'
import { paged, run } from '../../support/program.ts'
import { onBoth } from './cases.ts'

/** A page that says that the op at `index` failed with `result`. */
const pageOf = (image: Image, index: number, result: number | bigint, message = ''): Page => {
  const bytes = Buffer.alloc(PAGE_SIZE)
  bytes.writeBigUInt64LE(BigInt(image.addressOf(index)), 0)
  bytes.writeBigInt64LE(BigInt(result), 8)
  bytes.write(message, MESSAGE_OFFSET)
  return new Page(bytes)
}

/** The message of a failure of the last op before the exit. */
const messageOf = (write: (p: Program) => void, result: number | bigint, { message = '', index = -1 } = {}): string => {
  const p = new Program('x64')
  write(p)
  const last = p.ops.length - 1
  p.exit(0)
  const image = link(p)
  const page = pageOf(image, index < 0 ? last : index, result, message)
  const error = failureOf(image, page)
  assert.ok(error instanceof SyscallError)
  return error.message
}

const { EPERM, ENOENT, EINVAL, EBADF, EBUSY, EACCES } = ERRNO

test('the call, its arguments and what it was for', () => {
  const text = messageOf((p) => {
    p.during = 'mounts[3]'
    p.call('mount', ['proc', '/proc', 'sysfs', MS_NOSUID, 0])
  }, -EBUSY)
  assert.equal(text, 'mounts[3]: mount src=proc dst=/proc type=sysfs flags=MS_NOSUID: EBUSY')
})

test('a hint', () => {
  assert.match(
    messageOf((p) => p.call('unshare', [CLONE_NEWUSER]), -EPERM),
    /^unshare flags=CLONE_NEWUSER: EPERM \(.*unprivileged_userns_clone/,
  )
})

test('words with spaces are quoted, secrets and long data are not shown', () => {
  assert.equal(
    messageOf((p) => p.call('chdir', ['/a b']), -ENOENT),
    'chdir path="/a b": ENOENT (process.cwd does not exist in the container)',
  )
  const text = messageOf((p) => p.call('execve', ['/bin/sh', p.strings(['sh', '-c', 'x']), p.strings(['TOKEN=secret'])]), -EACCES)
  assert.match(text, /^execve pathname=\/bin\/sh argv=\["sh", "-c", "x"\] envp=\[\/\* 1 variable \*\/\]: EACCES \(/)
  assert.doesNotMatch(text, /secret/)
  assert.match(
    messageOf((p) => p.call('write', [1, 'x'.repeat(5000), 5000]), -EBADF),
    /^write fd=1 buf="x{240}"\.\.\.: EBADF$/,
  )
})

test('descriptors are told by what they were opened as', () => {
  const text = messageOf((p) => {
    const file = p.call('openat', [AT_FDCWD, '/proc/self/oom_score_adj', O_WRONLY | O_CLOEXEC, 0])
    p.call('write', [file, '-500', 4])
  }, -EACCES)
  assert.match(text, /^write fd=<\/proc\/self\/oom_score_adj> buf=-500: EACCES \(lowering oom_score_adj needs CAP_SYS_RESOURCE/)
  assert.equal(
    messageOf((p) => {
      const context = p.call('fsopen', ['proc', 1])
      const mount = p.call('fsmount', [context, 1, 0])
      const target = p.cell('target')
      const found = p.call('openat', [AT_FDCWD, 'proc', O_PATH])
      p.copy(found, target)
      p.call('move_mount', [mount, '', target, '', 0x44])
    }, -EBUSY),
    'move_mount from_dirfd=<proc> to_dirfd=<proc>: EBUSY',
  )
  assert.equal(
    messageOf((p) => {
      p.descriptors.set(5, 'tasks')
      p.call('write', [5, '0', 1])
    }, -EBUSY),
    'write fd=<tasks> buf=0: EBUSY',
  )
})

test('a descriptor that may be one thing or another has its name only', () => {
  const text = messageOf((p) => {
    const either = p.cell('either')
    p.call('openat', [AT_FDCWD, 'a', O_PATH], { into: either })
    p.call('openat', [AT_FDCWD, 'b', O_PATH], { into: either })
    p.call('fchdir', [either])
  }, -EACCES)
  assert.equal(text, 'fchdir fd=either: EACCES')
})

test('what explains nothing is left out', () => {
  assert.equal(
    messageOf((p) => p.call('statx', [5, '', AT_EMPTY_PATH, STATX_TYPE, p.buffer(STATX.size)]), -EBADF),
    'statx dirfd=5 mask=STATX_TYPE: EBADF',
  )
  assert.equal(
    messageOf((p) => p.call('openat2', [5, 'dev', p.words([O_PATH | O_CLOEXEC, 0, 0]), 24]), -ENOENT),
    'openat2 dirfd=5 pathname=dev how={flags=O_PATH}: ENOENT',
  )
  assert.equal(
    messageOf((p) => p.call('setsid', []), -EPERM),
    'setsid: EPERM',
  )
})

test('the message of a file system context goes before the hint', () => {
  const write = (p: Program) => {
    const context = p.call('fsopen', ['overlay', 1])
    p.call('fsconfig', [context, FSCONFIG_SET_STRING, 'lowerdir+', '/none', 0])
  }
  assert.equal(
    messageOf(write, -EINVAL, { message: 'e overlay: failed to resolve "/none"\n' }),
    'fsconfig fd=<overlay> cmd=FSCONFIG_SET_STRING key=lowerdir+ value=/none: EINVAL (overlay: failed to resolve "/none")',
  )
  const hint = hintFor('fsconfig', 'ENODEV', [])
  assert.ok(hint !== undefined)
  assert.equal(
    messageOf((p) => p.call('fsconfig', [5, FSCONFIG_CMD_CREATE, 0, 0, 0]), -ERRNO.ENODEV, { message: 'e x: no\nw x: nor this\n' }),
    `fsconfig fd=5 cmd=FSCONFIG_CMD_CREATE: ENODEV (x: no, x: nor this; ${hint})`,
  )
})

test('an error that is not among those tolerated', () => {
  const write = (p: Program) => {
    p.during = 'device /dev/null'
    p.call('unlinkat', [5, 'x', 0], { tolerate: ['EPERM', 'ENOENT'] })
  }
  assert.equal(messageOf(write, -EBUSY + ENOENT), 'device /dev/null: unlinkat dirfd=5 pathname=x: EBUSY')
  const p = new Program('x64')
  p.call('unlinkat', [5, 'x', 0], { tolerate: ['EPERM', 'ENOENT'], during: 'its own' })
  p.exit(0)
  const image = link(p)
  assert.equal(failureOf(image, pageOf(image, 2, 0))?.code, 'ENOENT', 'the offset of the last judge')
  assert.match(failureOf(image, pageOf(image, 2, -14))!.message, /^its own: unlinkat/)
})

test('a failure with something done before it', () => {
  const write = (p: Program) => {
    p.callOr(() => p.call('close', [9], { negative: 'next' }), 'fchdir', [5], { during: 'root' })
  }
  assert.equal(messageOf(write, -EACCES), 'root: fchdir fd=5: EACCES')
})

test('a result that is no error', () => {
  const error = messageOf((p) => p.call('read', [5, p.buffer(8), 8], { zero: 'fail', during: 'start' }), 0)
  assert.equal(error, 'start: read fd=5: returned 0')
})

test('a compare says what was compared, and with what it found', () => {
  const compare = (p: Program) => {
    const statx = p.buffer(STATX.size)
    p.call('statx', [5, '', AT_EMPTY_PATH, STATX_TYPE, statx])
    p.compare(statx.plus(STATX.stx_mode), S_IFDIR, { mask: S_IFMT, otherwise: 'fail' })
  }
  assert.equal(messageOf(compare, 0x8000 - S_IFDIR), 'check statxbuf.stx_mode & S_IFMT == S_IFDIR: is S_IFREG')
  const refused = (p: Program) => {
    const buffer = p.buffer(120)
    p.call('fstatfs', [5, buffer])
    p.compare(buffer, 0x9fa0, { equal: 'fail' })
  }
  assert.equal(messageOf(refused, 0), 'check buf.f_type != 0x9fa0: is 0x9fa0')
  const shifted = (p: Program) => {
    const fds = p.words([5])
    p.call('ppoll', [fds, 1, 0, 0, 8])
    p.compare(fds, 1n << 48n, { mask: 0xffffn << 48n, otherwise: 'fail' })
  }
  assert.equal(messageOf(shifted, (0x10n - 1n) << 48n), 'check fds[0].revents == POLLIN: is POLLHUP')
  assert.equal(
    messageOf((p) => p.compute(p.cell('count'), { constant: -3 }, { negative: 'fail' }), -2),
    'check count >= 3: is 1',
  )
})

test('an unexpected result is a SyscallError without an errno', () => {
  const p = new Program('x64')
  p.call('read', [5, p.buffer(8), 8], { zero: 'fail' })
  p.exit(0)
  const image = link(p)
  const error = failureOf(image, pageOf(image, 0, 0))
  assert.ok(error instanceof UnexpectedResult && error instanceof SyscallError)
  assert.deepEqual([error.syscall, error.errno, error.args], ['read', 0, ['fd=5']])
})

test('an empty page is no failure', () => {
  const p = new Program('x64')
  p.exit(0)
  const page = new Page(Buffer.alloc(PAGE_SIZE))
  assert.equal(failureOf(link(p), page), undefined)
})

test('an address that is no op of the program', () => {
  const p = new Program('x64')
  p.exit(0)
  const image = link(p)
  assert.equal(failureOf(image, pageOf(image, 5, -EPERM))?.message, 'op at 0x8011e0: EPERM')
})

test('how a process ended that was waited for', () => {
  const wait = (status: number) =>
    messageOf((p) => {
      const word = p.buffer(8)
      p.call('wait4', [-1, word, 0, 0])
      p.compare(word, 0, { mask: 0xffff_ffff, otherwise: 'fail', waitStatus: true })
    }, status)
  assert.equal(wait(3 << 8), 'wait4: exit status 3')
  assert.equal(wait(9), 'wait4: killed')
  assert.equal(wait(10), 'wait4: ended by SIGUSR1')
})

test('a process that has not compiled the program tells it too', () => {
  const p = new Program('x64')
  p.during = 'start'
  p.call('chdir', ['/'])
  p.call('fchown', [0, 1000, -1], { tolerate: ['EPERM', 'EINVAL'] })
  p.call('execve', [p.cell('executable'), p.strings(['sh']), p.strings(['SECRET=1'])])
  const image = link(p)
  const restored = restoreOps(JSON.parse(JSON.stringify(saveOps(image, 1))) as SavedOps)
  assert.equal(failureOf(restored, pageOf(image, 3, -EBUSY + EINVAL))?.message, 'start: fchown fd=0 owner=1000 group=-1: EBUSY')
  assert.equal(failureOf(restored, pageOf(image, 0, -EBUSY))?.message, 'op at 0x801000: EBUSY')
  assert.match(failureOf(restored, pageOf(image, 4, -EACCES))!.message, /^start: EACCES/)
})

onBoth('a real failure', (arch) => {
  const p = paged(arch)
  p.during = 'looking'
  const folder = p.call('openat', [AT_FDCWD, '/proc/self', O_PATH])
  p.call('openat', [folder, 'nonexistent', O_WRONLY])
  p.exit(0)
  const image = link(p)
  const { page } = run(p, image)
  assert.equal(failureOf(image, page)?.message, 'looking: openat dirfd=</proc/self> pathname=nonexistent flags=O_WRONLY: ENOENT')
})

onBoth('an injected failure is told as the call’s', (arch) => {
  const program = () => {
    const p = paged(arch)
    p.during = 'root'
    p.call('chdir', ['/'])
    p.call('mkdirat', [AT_FDCWD, '/', 0o755], { tolerate: ['EEXIST'] })
    p.callOr(() => p.call('getpid', []), 'fchdir', [p.call('openat', [AT_FDCWD, '/', 0])])
    p.exit(0)
    return p
  }
  const told = (index: number, code: 'EIO' | 'EEXIST') => {
    const p = program()
    injectFailure(p, index, code)
    const image = link(p)
    const { page } = run(p, image)
    return failureOf(image, page)?.message
  }
  assert.equal(told(1, 'EIO'), 'root: chdir path=/: EIO')
  assert.equal(told(2, 'EIO'), 'root: mkdirat dirfd=AT_FDCWD pathname=/ mode=0755: EIO')
  assert.equal(told(2, 'EEXIST'), undefined)
  assert.equal(told(4, 'EIO'), 'root: openat dirfd=AT_FDCWD pathname=/ flags=O_RDONLY: EIO')
  assert.equal(told(5, 'EIO'), 'root: fchdir fd=</>: EIO')
})
