/** Every constant of runtime/sys/abi that this test lists, against this machine's C headers: gcc judges one assertion per constant. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import test from 'node:test'
import * as capability from '../../runtime/sys/abi/capability.ts'
import * as fcntl from '../../runtime/sys/abi/fcntl.ts'
import * as inet from '../../runtime/sys/abi/inet.ts'
import * as ioctl from '../../runtime/sys/abi/ioctl.ts'
import * as ioprio from '../../runtime/sys/abi/ioprio.ts'
import * as keyctl from '../../runtime/sys/abi/keyctl.ts'
import * as netlink from '../../runtime/sys/abi/netlink.ts'
import * as personality from '../../runtime/sys/abi/personality.ts'
import * as poll from '../../runtime/sys/abi/poll.ts'
import * as prctl from '../../runtime/sys/abi/prctl.ts'
import * as quota from '../../runtime/sys/abi/quota.ts'
import * as resource from '../../runtime/sys/abi/resource.ts'
import * as sched from '../../runtime/sys/abi/sched.ts'
import * as seccomp from '../../runtime/sys/abi/seccomp.ts'
import * as signal from '../../runtime/sys/abi/signal.ts'
import * as socket from '../../runtime/sys/abi/socket.ts'
import * as stat from '../../runtime/sys/abi/stat.ts'
import type { Arch } from '../../runtime/sys/abi/syscalls.ts'
import * as time from '../../runtime/sys/abi/time.ts'
import * as wait from '../../runtime/sys/abi/wait.ts'

interface Header {
  readonly constants: object
  readonly includes: readonly string[]
  /** The C type of the exports that are layouts: `CLONE_ARGS: 'struct clone_args'`. */
  readonly layouts?: Readonly<Record<string, string>>
  /** Exports that are tables of named constants. */
  readonly tables?: readonly string[]
  /** Names that are ours, not a header's, or that a header spells as a function call. */
  readonly ours?: readonly string[]
  /** Another expression for a name. */
  readonly spelled?: Readonly<Record<string, string>>
}

const HEADERS: Readonly<Record<string, Header>> = {
  sched: {
    constants: sched,
    includes: ['linux/sched.h', 'linux/sched/types.h'],
    layouts: { CLONE_ARGS: 'struct clone_args', SCHED_ATTR: 'struct sched_attr' },
    tables: ['SCHED_POLICIES', 'SCHED_FLAGS'],
    ours: ['NAMESPACE_FLAGS', 'SCHED_ISO'],
    spelled: { SCHED_OTHER: 'SCHED_NORMAL' },
  },
  prctl: { constants: prctl, includes: ['linux/prctl.h', 'linux/securebits.h'], ours: ['SUID_DUMP_DISABLE', 'SUID_DUMP_USER'] },
  capability: {
    constants: capability,
    includes: ['linux/capability.h'],
    layouts: { CAP_HEADER: 'struct __user_cap_header_struct', CAP_DATA: 'struct __user_cap_data_struct' },
    tables: ['CAPABILITIES'],
  },
  signal: {
    constants: signal,
    includes: ['signal.h', 'sys/signalfd.h', 'linux/pidfd.h'],
    layouts: { SIGNALFD_SIGINFO: 'struct signalfd_siginfo' },
    tables: ['SIGNALS'],
    ours: ['SIGRTMIN', 'SIGRTMAX', 'SIGSET_SIZE', 'SIG_DFL', 'SIG_IGN'],
    spelled: { NSIG: '_NSIG' },
  },
  resource: {
    constants: resource,
    includes: ['linux/resource.h'],
    layouts: { RLIMIT64: 'struct rlimit64' },
    tables: ['RLIMITS'],
    spelled: { RLIM_INFINITY: 'RLIM64_INFINITY' },
  },
  fcntl: {
    constants: fcntl,
    includes: ['linux/fcntl.h', 'linux/openat2.h', 'linux/memfd.h', 'linux/close_range.h', 'linux/fs.h', 'unistd.h'],
    layouts: { OPEN_HOW: 'struct open_how', FLOCK: 'struct flock' },
    spelled: { O_ASYNC: 'FASYNC' },
  },
  socket: {
    constants: socket,
    includes: ['sys/socket.h', 'sys/un.h', 'asm/socket.h'],
    layouts: {
      SOCKADDR_UN: 'struct sockaddr_un',
      MSGHDR: 'struct msghdr',
      IOVEC: 'struct iovec',
      CMSGHDR: 'struct cmsghdr',
      UCRED: 'struct ucred',
    },
    ours: ['SCM_MAX_FD'],
    spelled: { UNIX_PATH_MAX: 'sizeof(((struct sockaddr_un *)0)->sun_path)' },
  },
  netlink: {
    constants: netlink,
    includes: ['sys/socket.h', 'linux/netlink.h', 'linux/rtnetlink.h', 'linux/if_link.h', 'linux/if_addr.h', 'linux/veth.h', 'linux/if.h'],
    layouts: {
      NLMSGHDR: 'struct nlmsghdr',
      NLATTR: 'struct nlattr',
      NLMSGERR: 'struct nlmsgerr',
      IFINFOMSG: 'struct ifinfomsg',
      IFADDRMSG: 'struct ifaddrmsg',
      RTMSG: 'struct rtmsg',
      RTNL_LINK_STATS64: 'struct rtnl_link_stats64',
    },
    spelled: { NLA_TYPE_MASK: 'NLA_TYPE_MASK & 0xffff' },
  },
  seccomp: {
    constants: seccomp,
    includes: ['linux/ioctl.h', 'linux/seccomp.h', 'linux/audit.h', 'linux/filter.h', 'asm/unistd.h'],
    layouts: {
      SECCOMP_DATA: 'struct seccomp_data',
      SECCOMP_NOTIF: 'struct seccomp_notif',
      SECCOMP_NOTIF_RESP: 'struct seccomp_notif_resp',
      SECCOMP_NOTIF_ADDFD: 'struct seccomp_notif_addfd',
      SOCK_FILTER: 'struct sock_filter',
      SOCK_FPROG: 'struct sock_fprog',
    },
  },
  stat: { constants: stat, includes: ['sys/stat.h'], layouts: { STATX: 'struct statx' } },
  ioctl: {
    constants: ioctl,
    includes: ['asm/termbits.h', 'asm/termios.h', 'asm/ioctls.h', 'linux/nsfs.h', 'linux/sockios.h', 'linux/if.h', 'linux/fs.h'],
    layouts: { WINSIZE: 'struct winsize', TERMIOS: 'struct termios', IFREQ: 'struct ifreq' },
  },
  inet: {
    constants: inet,
    includes: ['linux/in.h', 'linux/in6.h'],
    layouts: { SOCKADDR_IN: 'struct sockaddr_in', SOCKADDR_IN6: 'struct sockaddr_in6' },
  },
  poll: {
    constants: poll,
    includes: ['poll.h', 'sys/epoll.h', 'sys/eventfd.h'],
    layouts: { POLLFD: 'struct pollfd', EPOLL_EVENT: 'struct epoll_event' },
  },
  wait: {
    constants: wait,
    includes: ['sys/wait.h', 'linux/wait.h'],
    layouts: { SIGINFO: 'siginfo_t' },
  },
  time: {
    constants: time,
    includes: ['time.h', 'sys/timerfd.h', 'sys/time.h'],
    layouts: { TIMESPEC: 'struct timespec', TIMEVAL: 'struct timeval', ITIMERSPEC: 'struct itimerspec' },
  },
  ioprio: { constants: ioprio, includes: ['linux/ioprio.h'], tables: ['IOPRIO_CLASSES'] },
  personality: { constants: personality, includes: ['linux/personality.h'], ours: ['PERSONALITIES', 'PERSONALITY_QUERY'] },
  quota: {
    constants: quota,
    includes: ['linux/quota.h', 'linux/fs.h'],
    layouts: { IF_DQBLK: 'struct if_dqblk', FSXATTR: 'struct fsxattr' },
  },
  keyctl: { constants: keyctl, includes: ['linux/keyctl.h'] },
}

interface Assertion {
  readonly name: string
  readonly expression: string
  readonly value: number | bigint
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> => typeof value === 'object' && value !== null
const isValue = (value: unknown): value is number | bigint => typeof value === 'number' || typeof value === 'bigint'

const assertions = (header: Header, arch: Arch): Assertion[] => {
  const list: Assertion[] = []
  const add = (name: string, value: unknown, expression = header.spelled?.[name] ?? name): void => {
    if (header.ours?.includes(name)) return
    if (!isValue(value)) throw new TypeError(`${name} is neither a constant nor listed as a table or layout`)
    list.push({ name, expression, value })
  }
  for (const [name, exported] of Object.entries(header.constants)) {
    if (typeof exported === 'function' || header.ours?.includes(name)) continue
    const value = isRecord(exported) && arch in exported ? exported[arch] : exported
    const type = header.layouts?.[name]
    if (!isRecord(value)) add(name, value)
    else if (type !== undefined) {
      for (const [field, offset] of Object.entries(value)) {
        add(
          `${name}.${field}`,
          offset,
          field === 'size' && type !== 'struct sched_attr' ? `sizeof(${type})` : `offsetof(${type}, ${field})`,
        )
      }
    } else if (header.tables?.includes(name)) for (const [key, entry] of Object.entries(value)) add(key, entry)
    else throw new TypeError(`${name} must be listed as a table or a layout`)
  }
  return list
}

const MISSING = /undeclared|has no member|incomplete type|invalid use of undefined/

/** Which assertions differ from the headers, and which name what the headers lack. */
const judge = (compiler: readonly string[], includes: readonly string[], list: readonly Assertion[]) => {
  const source = [
    '#define _GNU_SOURCE',
    '#include <stddef.h>',
    ...includes.map((include) => `#if __has_include(<${include}>)\n#include <${include}>\n#endif`),
    '#line 1 "assertions"',
    ...list.map(({ expression, value, name }) => `_Static_assert((long long)(${expression}) == (long long)${value}ULL, "${name}");`),
  ].join('\n')
  const [command, ...args] = compiler
  const run = spawnSync(command!, [...args, '-x', 'c', '-std=gnu11', '-w', '-fsyntax-only', '-'], {
    input: source.replaceAll(/\)-(\d+)ULL/g, ')-$1LL'),
    encoding: 'utf8',
    env: { ...process.env, LC_ALL: 'C' },
  })
  const differ = new Set<string>()
  const missing = new Set<string>()
  const other: string[] = []
  for (const line of run.stderr.split('\n')) {
    const match = /^assertions:(\d+):.*error: (.*)$/.exec(line)
    const name = match === null ? undefined : list[Number(match[1]) - 1]?.name
    if (name === undefined) {
      if (line.includes('error: ')) other.push(line)
    } else if (MISSING.test(match![2]!)) missing.add(name)
    else differ.add(name)
  }
  assert.deepEqual(other, [], 'the headers themselves must compile')
  assert.equal(run.status === 0, differ.size + missing.size === 0, run.stderr)
  return { differ: [...differ].filter((name) => !missing.has(name)), missing: [...missing] }
}

const gcc = spawnSync('gcc', ['--version']).status === 0

for (const [file, header] of Object.entries(HEADERS)) {
  test(`abi/${file}.ts agrees with <${header.includes.join('>, <')}>`, { skip: !gcc && 'no gcc' }, async (t) => {
    const { differ, missing } = judge(['gcc'], header.includes, assertions(header, process.arch === 'arm64' ? 'arm64' : 'x64'))
    assert.deepEqual(differ, [])
    for (const name of missing) await t.test(name, { skip: `the headers here are older than ${name}` }, () => {})
  })
}

const CROSS = '/usr/aarch64-linux-gnu/include'
const crossCompiler = spawnSync('aarch64-linux-gnu-gcc', ['--version']).status === 0
const cross = crossCompiler
  ? ['aarch64-linux-gnu-gcc']
  : ['gcc', '-nostdinc', '-D__aarch64__', '-U__x86_64__', '-I', CROSS, '-I', gccIncludes()]

/** gcc's own headers (stddef.h), which -nostdinc leaves out too. */
function gccIncludes(): string {
  return gcc ? spawnSync('gcc', ['-print-file-name=include'], { encoding: 'utf8' }).stdout.trim() : ''
}

test('the flags of open(2) agree with the arm64 headers', {
  skip: !(crossCompiler || (gcc && existsSync(`${CROSS}/linux/fcntl.h`))) && 'no arm64 headers (linux-libc-dev-arm64-cross)',
}, () => {
  const list = assertions(HEADERS['fcntl']!, 'arm64').filter(({ name }) => name.startsWith('O_'))
  assert.ok(list.length > 15)
  assert.deepEqual(judge(cross, ['linux/fcntl.h'], list), { differ: [], missing: [] })
})

test('signals are found by name and number, both ways', () => {
  for (const text of ['15', 'TERM', 'SIGTERM', 'sigterm', 'Term']) assert.equal(signal.signalNumber(text), 15, text)
  assert.equal(signal.signalNumber('SIGRTMIN+3'), 37)
  assert.equal(signal.signalNumber('RTMAX-1'), 63)
  assert.equal(signal.signalNumber('64'), 64)
  for (const text of ['', '0', '65', '-1', '1.5', 'SIG', 'RTMIN+31', 'RTMAX+1', 'toString', 'SIGconstructor', ' 9']) {
    assert.equal(signal.signalNumber(text), undefined, text)
  }
  for (let number = 1; number < signal.NSIG; number++) {
    const name = signal.signalName(number)
    if (number === 32 || number === 33) assert.equal(name, undefined)
    else assert.equal(signal.signalNumber(name!), number)
  }
  assert.equal(signal.signalName(6), 'SIGABRT')
  assert.equal(signal.signalName(37), 'SIGRTMIN+3')
  assert.equal(signal.signalName(0), undefined)
})

test('a wait status is taken apart', () => {
  assert.ok(wait.wifexited(0x700) && wait.wexitstatus(0x700) === 7)
  assert.ok(wait.wifsignaled(0x8b) && wait.wtermsig(0x8b) === 11 && wait.wcoredump(0x8b))
  assert.ok(wait.wifstopped(0x137f) && wait.wstopsig(0x137f) === 19 && !wait.wifsignaled(0x137f) && !wait.wifexited(0x137f))
})

test('an I/O priority is packed', () => assert.equal(ioprio.ioprioValue('IOPRIO_CLASS_BE', 3), 0x4003))
