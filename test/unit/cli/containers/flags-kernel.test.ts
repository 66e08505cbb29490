/** Namespaces, resources and parameters of the kernel. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ResourceRequest, UserNamespaceRequest } from '../../../../cli/containers/request.ts'
import { configFor, ID, problemOf, readLine, requestOf } from '../../../support/requests.ts'

const PRIVATE = configFor(requestOf('--name', 'c'))
const SHAREABLE = configFor(requestOf('--ipc', 'shareable'))

test('has namespaces of its own where nothing else is said', () => {
  const { pid, ipc, uts, cgroup, userns, timeOffsets } = requestOf()
  assert.deepEqual([pid, ipc, uts, cgroup], Array(4).fill({ mode: 'private' }))
  assert.deepEqual([userns, timeOffsets], [{ mode: 'host' }, undefined])
})

test('shares those of the machine and of containers', () => {
  const { pid, ipc, uts, cgroup } = readLine(['--pid', 'container:c', '--ipc', 'container:s', '--uts', 'host', '--cgroupns', 'host'], {
    containers: { c: PRIVATE, s: SHAREABLE },
  }).request
  assert.deepEqual([pid, ipc], Array(2).fill({ mode: 'container', container: ID }))
  assert.deepEqual([uts, cgroup], Array(2).fill({ mode: 'host' }))
})

const USERNS: readonly (readonly [argv: readonly string[], userns: UserNamespaceRequest])[] = [
  [['--userns', 'auto'], { mode: 'auto' }],
  [['--userns', 'auto:size=5000'], { mode: 'auto', size: 5000 }],
  [['--userns', 'keep-id'], { mode: 'keep-id' }],
  [['--userns', 'keep-id:uid=5,gid=6'], { mode: 'keep-id', uid: 5, gid: 6 }],
  [['--userns', 'nomap'], { mode: 'nomap' }],
  [
    ['--uidmap', '0:1000:5', '--uidmap', '5:2000'],
    {
      mode: 'mapping',
      uidMappings: [
        { containerID: 0, hostID: 1000, size: 5 },
        { containerID: 5, hostID: 2000, size: 1 },
      ],
      gidMappings: [
        { containerID: 0, hostID: 1000, size: 5 },
        { containerID: 5, hostID: 2000, size: 1 },
      ],
    },
  ],
  [
    ['--userns', 'private', '--uidmap', '0:1000:5', '--gidmap', '0:7:1'],
    { mode: 'mapping', uidMappings: [{ containerID: 0, hostID: 1000, size: 5 }], gidMappings: [{ containerID: 0, hostID: 7, size: 1 }] },
  ],
]

test('reads user namespaces', () => {
  for (const [argv, userns] of USERNS) assert.deepEqual(requestOf(...argv).userns, userns, argv.join(' '))
})

test('reads shifted clocks', () => {
  assert.deepEqual(requestOf('--time-offset', 'monotonic=-1.5', '--time-offset', 'boottime=1h30m').timeOffsets, {
    monotonic: '-1.5',
    boottime: '5400',
  })
})

const RESOURCES: readonly (readonly [argv: readonly string[], resources: ResourceRequest])[] = [
  [[], {}],
  [['-m', '64m'], { memory: '67108864' }],
  [['-m', '0'], { memory: '-1' }],
  [
    ['-m', '64m', '--memory-swap', '-1', '--memory-reservation', '32m', '--memory-swappiness', '-1'],
    { memory: '67108864', memorySwap: '-1', memoryReservation: '33554432' },
  ],
  [
    ['--memory-low', '1g', '--memory-swappiness', '10', '--oom-kill-disable'],
    { memoryLow: '1073741824', memorySwappiness: 10, oomKillDisable: true },
  ],
  [
    ['--cpus', '1.5', '-c', '512', '--cpuset-cpus', '0-1,3', '--cpuset-mems', '0'],
    { nanoCpus: 1_500_000_000, cpuShares: 512, cpusetCpus: '0-1,3', cpusetMems: '0' },
  ],
  [['--cpus', '0', '--cpu-shares', '0', '--cpu-quota', '0', '--cpu-period', '0', '--blkio-weight', '0'], {}],
  [
    ['--cpu-quota', '-1', '--cpu-period', '50000', '--cpu-rt-runtime', '1', '--cpu-rt-period', '2'],
    { cpuQuota: -1, cpuPeriod: 50_000, cpuRealtimeRuntime: 1, cpuRealtimePeriod: 2 },
  ],
  [['--pids-limit', '0'], { pidsLimit: -1 }],
  [['--pids-limit', '10'], { pidsLimit: 10 }],
  [
    ['--blkio-weight', '100', '--blkio-weight-device', '/dev/sda:200'],
    { blkioWeight: 100, blkioWeightDevice: [{ path: '/dev/sda', weight: 200 }] },
  ],
  [
    [
      '--device-read-bps',
      '/dev/a:1m',
      '--device-write-bps',
      '/dev/b:2',
      '--device-read-iops',
      '/dev/c:3',
      '--device-write-iops',
      '/dev/disk/by-path/x:y:4',
    ],
    {
      deviceReadBps: [{ path: '/dev/a', rate: '1048576' }],
      deviceWriteBps: [{ path: '/dev/b', rate: '2' }],
      deviceReadIops: [{ path: '/dev/c', rate: '3' }],
      deviceWriteIops: [{ path: '/dev/disk/by-path/x:y', rate: '4' }],
    },
  ],
  [['--hugetlb', '2M=1g', '--hugetlb', '1GB:2g'], { hugetlb: { '2MB': '1073741824', '1GB': '2147483648' } }],
  [
    ['--cgroup-conf', 'memory.high=1073741824', '--cgroup-conf', 'io.max=8:16 rbps=2097152'],
    { unified: { 'memory.high': '1073741824', 'io.max': '8:16 rbps=2097152' } },
  ],
]

test('reads resources', () => {
  for (const [argv, resources] of RESOURCES) assert.deepEqual(requestOf(...argv).resources, resources, argv.join(' '))
})

test('reads limits of processes', () => {
  assert.deepEqual(
    requestOf('--ulimit', 'nofile=10:20', '--ulimit', 'RLIMIT_CORE=unlimited', '--ulimit', 'nproc=5', '--ulimit', 'nofile=11').ulimits,
    [
      { name: 'nofile', soft: '11', hard: '11' },
      { name: 'core', soft: '-1', hard: '-1' },
      { name: 'nproc', soft: '5', hard: '5' },
    ],
  )
})

test('reads parameters of the namespaces by their paths', () => {
  assert.deepEqual(
    requestOf(
      '--sysctl',
      'net.ipv4.conf.eth0/1.forwarding=1',
      '--sysctl',
      'kernel/msgmax = 5',
      '--sysctl',
      'kernel.sem=1 2 3 4',
      '--sysctl',
      'fs.mqueue.msg_max=3',
    ).sysctls,
    {
      'net/ipv4/conf/eth0.1/forwarding': '1',
      'kernel/msgmax': '5',
      'kernel/sem': '1 2 3 4',
      'fs/mqueue/msg_max': '3',
    },
  )
})

/** Command lines, and what is said of them. */
const BAD: readonly (readonly [argv: readonly string[], message: string])[] = [
  [['--pid', 'own'], '--pid: "own" is none of private, host, container:NAME'],
  [['--ipc', 'container:c'], '--ipc: "container:c" names a container that does not share it: make that one with --ipc shareable'],
  [['--ipc', 'x'], '--ipc: "x" is none of private, shareable, none, host, container:NAME'],
  [['--uts', 'x'], '--uts: "x" is none of private, host, container:NAME'],
  [['--cgroupns', 'container:c'], '--cgroupns: "container:c" is none of private, host'],
  [
    ['--userns', 'x'],
    '--userns: "x" is none of host, auto[:size=N], keep-id[:uid=N,gid=N], nomap, private (with --uidmap), container:NAME',
  ],
  [['--userns', 'auto:size=x'], '--userns: "auto:size=x" has size=x: a number in decimal is wanted'],
  [['--userns', 'auto:foo=1'], '--userns: "auto:foo=1" has the unknown option "foo"; there are size'],
  [['--userns', 'keep-id:size=1'], '--userns: "keep-id:size=1" has the unknown option "size"; there are uid, gid'],
  [['--userns', 'private'], '--userns: "private" needs --uidmap: which ids it has; auto chooses some'],
  [
    ['--uidmap', '0:10:10:10:10:10:10:10:10:1'],
    '--uidmap: "0:10:10:10:10:10:10:10:10:1" is not of the form CONTAINER:HOST[:SIZE], ids in decimal',
  ],
  [['--uidmap', '1:1000:10'], '--uidmap: "1:1000:10" maps no id to root of the container: one must begin at 0'],
  [
    ['--uidmap', '0:1000:10', '--uidmap', '5:3000:10'],
    '--uidmap[1].containerID: must not overlap: 5 with size 10 overlaps uidmap[0], 0 with size 10',
  ],
  [
    ['--uidmap', '0:1000:10', '--userns', 'auto'],
    '--uidmap and --userns exclude each other: --userns auto has mappings of its own; leave it away',
  ],
  [['--time-offset', 'x'], '--time-offset: "x" is not of the form CLOCK=SECONDS; there are the clocks monotonic and boottime'],
  [['--time-offset', 'wall=1'], '--time-offset: "wall=1" is not of the form CLOCK=SECONDS; there are the clocks monotonic and boottime'],
  [['--time-offset', 'monotonic=x'], '--time-offset: "monotonic=x" has no number of seconds like -86400 or 1.5, and no duration like 36h'],
  [['--time-offset', 'monotonic=1', '--time-offset', 'monotonic=2'], '--time-offset: monotonic is given twice'],
  [
    ['--time-offset', 'boottime=9999999999'],
    '--time-offset: "boottime=9999999999" is farther than the 4611686018 seconds that the kernel takes',
  ],
  [['--hostname', 'x', '--uts', 'host'], '--hostname and --uts host exclude each other: it would change the machine'],
  [
    ['--domainname', 'x', '--uts', 'container:c'],
    '--domainname and --uts container:c exclude each other: it would change the other container',
  ],
  [['--shm-size', '1m', '--ipc', 'host'], '--shm-size and --ipc host exclude each other: /dev/shm is not its own'],
  [['--init', '--pid', 'host'], '--init and --pid host exclude each other: its first process would not be the first of its pid namespace'],
  [
    ['--pid', 'container:c', '--userns', 'auto'],
    '--pid container:… and another user namespace exclude each other: /proc could not be mounted; join its user namespace too (--userns container:…)',
  ],
  [
    ['--network', 'container:c', '--uidmap', '0:1:2'],
    '--network container:… and another user namespace exclude each other: /sys could not be mounted; join its user namespace too (--userns container:…)',
  ],
  [
    ['--privileged', '--userns', 'auto'],
    '--privileged and --userns auto exclude each other: root of a user namespace has no power over the machine; give --cap-add ALL',
  ],
  [['-m', 'lots'], '--memory: "lots" is no size: a number of bytes, or one with a unit like 64m or 1.5g'],
  [['-m', '4'], '--memory: "4" is less than 512k: with a unit it is 64m or 1g'],
  [['-m', '64m', '--memory-swap', '32m'], '--memory-swap: "32m" is less than --memory 64m: it is the sum of memory and swap'],
  [['--memory-swap', '1g'], '--memory-swap needs --memory: it is the sum of memory and swap'],
  [['-m', '64m', '--memory-reservation', '65m'], '--memory-reservation: "65m" is more than --memory 64m'],
  [
    ['--memory-low', '1g', '--memory-reservation', '1g'],
    '--memory-low and --memory-reservation exclude each other: both are memory.low of cgroup v2',
  ],
  [['--memory-swappiness', '101'], '--memory-swappiness: "101" is not from -1 to 100'],
  [['--cpus', 'x'], '--cpus: "x" is no number of CPUs like 2 or 0.5'],
  [['--cpus', '0.001'], '--cpus: "0.001" is less than 0.01, the least that the kernel shares out'],
  [['--cpus', '1', '--cpu-quota', '1000'], '--cpus and --cpu-quota exclude each other: --cpus sets quota and period'],
  [['--cpus', '1', '--cpu-period', '1000'], '--cpus and --cpu-period exclude each other: --cpus sets quota and period'],
  [['--cpu-period', '10'], '--cpu-period: "10" is not from 1000 to 1000000 microseconds'],
  [['--cpu-quota', '10'], '--cpu-quota: "10" is neither -1 nor at least 1000 microseconds'],
  [['--cpu-shares', '1'], '--cpu-shares: "1" is not from 2 to 262144'],
  [['--cpuset-cpus', 'x'], '--cpuset-cpus: "x" is no list of numbers and ranges such as 0-3,7'],
  [['--cpuset-mems', '3-1'], '--cpuset-mems: "3-1" is no list of numbers and ranges such as 0-3,7'],
  [['--pids-limit', '-2'], '--pids-limit: "-2" is not from -1 to 4194304'],
  [['--blkio-weight', '5'], '--blkio-weight: "5" is not from 10 to 1000'],
  [['--blkio-weight-device', '/dev/sda'], '--blkio-weight-device: "/dev/sda" is not of the form DEVICE:N with a device below /dev'],
  [['--blkio-weight-device', '/dev/sda:5'], '--blkio-weight-device: "/dev/sda:5" has no weight from 10 to 1000'],
  [['--device-read-bps', 'sda:1m'], '--device-read-bps: "sda:1m" is not of the form DEVICE:SIZE with a device below /dev'],
  [['--device-read-bps', '/dev/sda:x'], '--device-read-bps: "x" is no size: a number of bytes, or one with a unit like 64m or 1.5g'],
  [['--device-write-iops', '/dev/sda:1m'], '--device-write-iops: "/dev/sda:1m" has no number of operations per second from 1 on'],
  [['--hugetlb', 'x=1'], '--hugetlb: "x=1" is not of the form PAGESIZE=SIZE, as 2MB=1g'],
  [['--hugetlb', '2MB'], '--hugetlb: "2MB" is not of the form PAGESIZE=SIZE, as 2MB=1g'],
  [['--cgroup-conf', 'x'], '--cgroup-conf: "x" is not of the form CONTROLLER.PARAMETER=VALUE'],
  [['--cgroup-conf', '../x.y=1'], '--cgroup-conf: "../x.y=1" is not of the form CONTROLLER.PARAMETER=VALUE'],
  [['--cgroup-parent', '../x'], '--cgroup-parent: "../x" must not have .. in it'],
  [['--cpu-rt-runtime', '5', '--cpu-rt-period', '4'], '--cpu-rt-runtime: "5" is more than --cpu-rt-period 4'],
  [['--ulimit', 'nofile'], '--ulimit: "nofile" is not of the form NAME=SOFT[:HARD]'],
  [
    ['--ulimit', 'nofiles=1'],
    '--ulimit: "nofiles=1" is none of cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio, rttime (did you mean nofile?)',
  ],
  [['--ulimit', 'nofile=2:1'], '--ulimit: "nofile=2:1" has a soft limit above the hard one'],
  [['--ulimit', 'nofile=x'], '--ulimit: "nofile=x" has "x" for a limit: a number, or -1 for none, is wanted'],
  [['--ulimit', 'core=-1:5'], '--ulimit: "core=-1:5" has a soft limit above the hard one'],
  [['--oom-score-adj', '1001'], '--oom-score-adj: "1001" is not from -1000 to 1000'],
  [['--storage-opt', 'x=1'], '--storage-opt: "x=1" is unknown; there is size=SIZE'],
  [['--storage-opt', 'size=0'], '--storage-opt: "size=0" leaves no room'],
  [['--sysctl', 'x'], '--sysctl: "x" is not of the form NAME=VALUE'],
  [
    ['--sysctl', 'kernel.panic=1'],
    '--sysctl: "kernel.panic=1" is not in a separate kernel namespace: allowed are net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname',
  ],
  [['--sysctl', 'kernel.hostname=x'], '--sysctl: "kernel.hostname=x" is not allowed: give --hostname'],
  [['--sysctl', 'kernel/hostname=x'], '--sysctl: "kernel/hostname=x" is not allowed: give --hostname'],
  [
    ['--sysctl', 'net.ipv4.ip_forward=1', '--network', 'host'],
    '--sysctl net.ipv4.ip_forward and --network host exclude each other: it would change the machine',
  ],
  [
    ['--sysctl', 'net/../kernel/panic=1'],
    '--sysctl: "net/../kernel/panic=1" must be named like net.ipv4.ip_forward or net/ipv4/ip_forward, without empty parts, . and ..',
  ],
  [
    ['--sysctl', 'net..x=1'],
    '--sysctl: "net..x=1" must be named like net.ipv4.ip_forward or net/ipv4/ip_forward, without empty parts, . and ..',
  ],
  [
    ['--sysctl', 'kernel.msgmax=1', '--ipc', 'host'],
    '--sysctl kernel.msgmax and --ipc host exclude each other: it would change the machine',
  ],
  [
    ['--sysctl', 'kernel.msgmax=1', '--ipc', 'container:s'],
    '--sysctl kernel.msgmax and --ipc container:… exclude each other: it would change the other container',
  ],
  [['--sysctl', 'net.ipv4.ip_forward=1\nkernel.panic=1'], '--sysctl: "net.ipv4.ip_forward=1\\nkernel.panic=1" has control characters'],
  [
    ['--sysctl', 'fs.file-max=1'],
    '--sysctl: "fs.file-max=1" is not in a separate kernel namespace: allowed are net.*, fs.mqueue.*, kernel.msg*, kernel.sem, kernel.shm* and kernel.domainname',
  ],
]

test('says what is wrong, and what is allowed', () => {
  for (const [argv, message] of BAD) assert.equal(problemOf(argv, { containers: { c: PRIVATE, s: SHAREABLE } }), message, argv.join(' '))
})
