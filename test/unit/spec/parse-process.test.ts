import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidField } from '../../../runtime/errors.ts'
import { parseProcess } from '../../../runtime/spec/parse-process.ts'
import { accepts, change, parse, refuses, validConfig } from './table.ts'

const rlimit = (type: string, soft: unknown, hard: unknown) => ({ type, soft, hard })

refuses([
  ['process.terminal', 'true', '', 'must be true or false'],
  ['process.consoleSize', { height: 24 }, 'process.consoleSize.width', 'from 0 to 65535, is missing'],
  ['process.consoleSize', { height: 70000, width: 80 }, 'process.consoleSize.height', 'from 0 to 65535, is 70000'],
  ['process.consoleSize', [24, 80], '', 'must be an object'],

  ['process.user', 'root', '', 'must be an object, is "root"'],
  ['process.user.uid', '0', '', 'must be a whole number from 0 to 4294967294, is "0"'],
  ['process.user.uid', -1, '', 'from 0 to 4294967294, is -1'],
  ['process.user.uid', 4294967295, '', 'from 0 to 4294967294'],
  ['process.user.uid', 1.5, '', 'whole number'],
  ['process.user.uid', 2n ** 64n, '', 'whole number'],
  ['process.user.gid', 4294967296, '', 'from 0 to 4294967294'],
  ['process.user.umask', 512, '', 'from 0 to 511'],
  ['process.user.umask', '022', '', 'whole number'],
  ['process.user.additionalGids', 5, '', 'must be a list'],
  ['process.user.additionalGids', [5, -5], 'process.user.additionalGids[1]', 'from 0 to 4294967294'],

  ['process.args', undefined, '', 'must be a list, is missing'],
  ['process.args', [], '', 'must have at least one entry'],
  ['process.args', 'sh', '', 'must be a list'],
  ['process.args', ['sh', 7], 'process.args[1]', 'must be a string'],
  ['process.args', ['sh', null], 'process.args[1]', 'must be a string, is null'],
  ['process.args', ['sh', 'a\0b'], 'process.args[1]', 'NUL'],
  ['process.args', [''], 'process.args[0]', 'must not be empty'],

  ['process.env', ['A=b', 'PATH'], 'process.env[1]', 'must be of the form NAME=value, is "PATH"'],
  ['process.env', ['=x'], 'process.env[0]', 'NAME=value'],
  ['process.env', ['A=\0'], 'process.env[0]', 'NUL'],
  ['process.env', { A: 'b' }, '', 'must be a list'],

  ['process.cwd', undefined, '', 'must be an absolute path, is missing'],
  ['process.cwd', '', '', 'must be an absolute path, is ""'],
  ['process.cwd', 'tmp', '', 'must be an absolute path, is "tmp"'],
  ['process.cwd', '/a\0', '', 'NUL'],
  ['process.cwd', `/${'x'.repeat(4096)}`, '', 'must be shorter than 4096 bytes'],

  ['process.capabilities', ['CAP_CHOWN'], '', 'must be an object'],
  ['process.capabilities', { bounding: 'CAP_CHOWN' }, 'process.capabilities.bounding', 'must be a list'],
  ['process.capabilities', { bounding: ['CAP_CHOWN', 'CAP_KILL', 3] }, 'process.capabilities.bounding[2]', 'must be a string, is 3'],

  ['process.rlimits', [rlimit('RLIMIT_TEST', 1, 1)], 'process.rlimits[0].type', 'must be one of RLIMIT_CPU, RLIMIT_FSIZE'],
  ['process.rlimits', [rlimit('constructor', 1, 1)], 'process.rlimits[0].type', 'must be one of'],
  ['process.rlimits', [{ type: 'RLIMIT_CPU', hard: 1 }], 'process.rlimits[0].soft', 'is missing'],
  ['process.rlimits', [{ type: 'RLIMIT_CPU', soft: 1 }], 'process.rlimits[0].hard', 'is missing'],
  ['process.rlimits', [rlimit('RLIMIT_CPU', -1, 1)], 'process.rlimits[0].soft', 'from 0 to 18446744073709551615, is -1'],
  ['process.rlimits', [rlimit('RLIMIT_CPU', 1, 2n ** 64n)], 'process.rlimits[0].hard', 'from 0 to 18446744073709551615'],
  ['process.rlimits', [rlimit('RLIMIT_CPU', 3, 2)], 'process.rlimits[0].soft', 'must not be above hard (2), is 3'],
  [
    'process.rlimits',
    [rlimit('RLIMIT_CPU', 1, 2), rlimit('RLIMIT_AS', 1, 2), rlimit('RLIMIT_CPU', 1, 2)],
    'process.rlimits[2].type',
    'RLIMIT_CPU is there twice',
  ],

  ['process.noNewPrivileges', 1, '', 'must be true or false'],
  ['process.apparmorProfile', 'a\nb', '', 'control characters'],
  ['process.selinuxLabel', 'a\u007fb', '', 'control characters'],
  ['process.oomScoreAdj', 1001, '', 'from -1000 to 1000'],
  ['process.oomScoreAdj', -1001, '', 'from -1000 to 1000'],

  ['process.ioPriority', { class: 'IOPRIO_CLASS_NONE', priority: 1 }, 'process.ioPriority.class', 'must be one of IOPRIO_CLASS_RT'],
  ['process.ioPriority', { priority: 1 }, 'process.ioPriority.class', 'is missing'],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_BE', priority: 8 }, 'process.ioPriority.priority', 'from 0 to 7'],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_BE', priority: -1 }, 'process.ioPriority.priority', 'from 0 to 7'],

  ['process.execCPUAffinity', { initial: '0-' }, 'process.execCPUAffinity.initial', 'a list of numbers and ranges'],
  ['process.execCPUAffinity', { final: '3-1' }, 'process.execCPUAffinity.final', 'a list of numbers and ranges'],
  ['process.execCPUAffinity', { final: '1024' }, 'process.execCPUAffinity.final', 'below 1024'],
  ['process.execCPUAffinity', { final: ', ,' }, 'process.execCPUAffinity.final', 'a list of numbers'],
  ['process.execCPUAffinity', { final: '0-6:1/2' }, 'process.execCPUAffinity.final', 'a list of numbers'],
])

refuses([
  ['process.scheduler', { nice: 3 }, 'process.scheduler.policy', 'must be one of SCHED_OTHER'],
  ['process.scheduler', { policy: 'SCHED_ISO' }, 'process.scheduler.policy', 'must be one of SCHED_OTHER'],
  ['process.scheduler', { policy: 'SCHED_OTHER', nice: 20 }, 'process.scheduler.nice', 'from -20 to 19'],
  ['process.scheduler', { policy: 'SCHED_BATCH', nice: -21 }, 'process.scheduler.nice', 'from -20 to 19'],
  ['process.scheduler', { policy: 'SCHED_OTHER', priority: 1 }, 'process.scheduler.priority', 'is only for SCHED_FIFO and SCHED_RR'],
  ['process.scheduler', { policy: 'SCHED_FIFO' }, 'process.scheduler.priority', 'from 1 to 99 for SCHED_FIFO, is 0'],
  ['process.scheduler', { policy: 'SCHED_RR', priority: 100 }, 'process.scheduler.priority', 'from 1 to 99 for SCHED_RR'],
  ['process.scheduler', { policy: 'SCHED_RR', priority: 2 ** 31 }, 'process.scheduler.priority', 'from -2147483648 to 2147483647'],
  ['process.scheduler', { policy: 'SCHED_OTHER', flags: ['SCHED_FLAG_NONE'] }, 'process.scheduler.flags[0]', 'SCHED_FLAG_RESET_ON_FORK'],
  ['process.scheduler', { policy: 'SCHED_OTHER', runtime: 1 }, 'process.scheduler.runtime', 'is only for SCHED_DEADLINE'],
  ['process.scheduler', { policy: 'SCHED_OTHER', deadline: 1 }, 'process.scheduler.deadline', 'is only for SCHED_DEADLINE'],
  ['process.scheduler', { policy: 'SCHED_OTHER', period: 1 }, 'process.scheduler.period', 'is only for SCHED_DEADLINE'],
  ['process.scheduler', { policy: 'SCHED_DEADLINE' }, 'process.scheduler.deadline', 'must be above 0'],
  ['process.scheduler', { policy: 'SCHED_DEADLINE', deadline: 5000, runtime: 3 }, 'process.scheduler.runtime', 'at least 1024'],
  [
    'process.scheduler',
    { policy: 'SCHED_DEADLINE', deadline: 5000, runtime: 6000 },
    'process.scheduler.runtime',
    'no more than deadline (5000)',
  ],
  [
    'process.scheduler',
    { policy: 'SCHED_DEADLINE', deadline: 5000, runtime: 4000, period: 4500 },
    'process.scheduler.deadline',
    'no more than period (4500)',
  ],
])

accepts([
  ['process.user', undefined, { uid: 0, gid: 0 }],
  ['process.user', { uid: 7 }, { uid: 7, gid: 0 }],
  ['process.user', { uid: 1, gid: 2, umask: 0o22, additionalGids: [5] }, { uid: 1, gid: 2, umask: 0o22, additionalGids: [5] }],
  ['process.env', ['A=', 'B=c=d', 'C=two\nlines'], ['A=', 'B=c=d', 'C=two\nlines']],
  ['process.consoleSize', { height: 24, width: 80 }, { height: 24, width: 80 }],
  ['process.capabilities', {}, {}],
  ['process.capabilities', { bounding: ['CAP_KILL', 'CAP_KILL'], ambient: null }, { bounding: ['CAP_KILL'] }],
  ['process.rlimits', [rlimit('RLIMIT_CORE', 0, 2n ** 64n - 1n)], [{ type: 'RLIMIT_CORE', soft: 0n, hard: 2n ** 64n - 1n }]],
  ['process.oomScoreAdj', -1000, -1000],
  ['process.oomScoreAdj', 0, 0],
  ['process.apparmorProfile', '', undefined],
  ['process.ioPriority', { class: 'IOPRIO_CLASS_IDLE' }, { class: 'IOPRIO_CLASS_IDLE', priority: 0 }],
  ['process.scheduler', { policy: 'SCHED_BATCH', priority: 0, nice: 19 }, { policy: 'SCHED_BATCH', priority: 0, nice: 19 }],
  [
    'process.scheduler',
    { policy: 'SCHED_DEADLINE', nice: 19, flags: ['SCHED_FLAG_RESET_ON_FORK'], runtime: 42000, deadline: 1000000, period: 1000000 },
    { policy: 'SCHED_DEADLINE', nice: 19, flags: ['SCHED_FLAG_RESET_ON_FORK'], runtime: 42000, deadline: 1000000, period: 1000000 },
  ],
  ['process.execCPUAffinity', { initial: '', final: ' 0-1, 3,' }, { final: ' 0-1, 3,' }],
])

test('unknown capabilities are dropped with one warning', () => {
  const warnings: string[] = []
  const config = change(validConfig(), 'process.capabilities', {
    bounding: ['CAP_UNKNOWN', 'CAP_KILL', 'UNKNOWN_CAP', 'toString'],
    effective: ['CAP_UNKNOWN', 'cap_kill'],
  })
  assert.deepEqual(parse(config, (message) => warnings.push(message)).process.capabilities, { bounding: ['CAP_KILL'], effective: [] })
  assert.deepEqual(warnings, [
    'process.capabilities: ignoring unknown or unavailable capabilities: "CAP_UNKNOWN", "UNKNOWN_CAP", "toString", "cap_kill"',
  ])
})

test('a process.json has the paths that its caller gives', () => {
  assert.throws(
    () => parseProcess({ args: ['sh'], cwd: 'tmp' }, '', assert.fail),
    (error) => error instanceof InvalidField && error.path === 'cwd',
  )
})
