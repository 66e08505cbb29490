import assert from 'node:assert/strict'
import { test } from 'node:test'
import { directoryIn, parseLayout } from '../../../runtime/cgroups/layout.ts'

const V2_MOUNT =
  '30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot\n'

test('pure v2 is the unified hierarchy alone', () => {
  const layout = parseLayout(`22 1 8:1 / / rw - ext4 /dev/sda1 rw\n${V2_MOUNT}`, '0::/user.slice/user-1000.slice/session-1.scope\n')
  assert.equal(layout.kind, 'v2')
  assert.deepEqual(
    [...layout.hierarchies],
    [['', { mountPoint: '/sys/fs/cgroup', root: '/', own: '/sys/fs/cgroup/user.slice/user-1000.slice/session-1.scope' }]],
  )
})

test('a v1 hierarchy that somebody mounts elsewhere does not change pure v2', () => {
  const mounts = `${V2_MOUNT}31 24 0:40 / /run/other/net_cls rw - cgroup none rw,net_cls\n`
  assert.equal(parseLayout(mounts, '1:net_cls:/\n0::/\n').kind, 'v2')
})

const V1_MOUNTS = `31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,xattr,name=systemd
33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
35 31 0:32 / /sys/fs/cgroup/openrc rw - cgroup openrc rw,name=openrc
`

test('pure v1: co-mounted controllers have one directory, foreign named hierarchies are left out', () => {
  const layout = parseLayout(V1_MOUNTS, '4:name=openrc:/\n3:memory:/a b\n2:cpu,cpuacct:/x\n1:name=systemd:/init.scope\n')
  assert.equal(layout.kind, 'v1')
  assert.deepEqual([...layout.hierarchies.keys()], ['memory', 'cpu', 'cpuacct', 'name=systemd'])
  assert.equal(layout.hierarchies.get('cpu')?.own, '/sys/fs/cgroup/cpu,cpuacct/x')
  assert.equal(layout.hierarchies.get('cpuacct')?.mountPoint, '/sys/fs/cgroup/cpu,cpuacct')
  assert.equal(layout.hierarchies.get('memory')?.own, '/sys/fs/cgroup/memory/a b')
})

test('hybrid: v1 and a unified hierarchy beside it', () => {
  const layout = parseLayout(
    `${V1_MOUNTS}36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n`,
    '3:memory:/\n2:cpu,cpuacct:/\n0::/u\n',
  )
  assert.equal(layout.kind, 'hybrid')
  assert.equal(layout.hierarchies.get('')?.own, '/sys/fs/cgroup/unified/u')
})

test('only the last mount at /sys/fs/cgroup counts', () => {
  const covered = `${V2_MOUNT}${V1_MOUNTS}`
  assert.equal(parseLayout(covered, '3:memory:/\n0::/\n').kind, 'hybrid')
})

test('a mount that another lies over is none', () => {
  const own = '4:memory:/\n3:cpu,cpuacct:/\n2:name=systemd:/\n0::/\n'
  const keys = (...more: string[]) => [
    ...parseLayout(
      `20 1 8:1 / / rw - ext4 /dev/sda1 rw\n23 20 0:20 / /sys rw - sysfs sysfs rw\n${V1_MOUNTS}${more.join('\n')}\n`,
      own,
    ).hierarchies.keys(),
  ]
  assert.deepEqual(keys('50 34 0:50 / /sys/fs/cgroup/memory rw - tmpfs tmpfs rw'), ['cpu', 'cpuacct', 'name=systemd'])
  assert.deepEqual(
    keys('50 31 0:50 / /sys/fs/cgroup/cpu,cpuacct rw - tmpfs tmpfs rw'),
    ['memory', 'cpu', 'cpuacct', 'name=systemd'],
    'beside it, and older',
  )
  // all of /sys is another: what is mounted there now counts
  const again = ['60 23 0:60 / /sys rw - sysfs sysfs rw', '61 60 0:61 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw']
  assert.deepEqual(keys(...again), [''])
  // on the old one, once more on itself
  assert.deepEqual(keys('62 34 0:31 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory'), ['memory', 'cpu', 'cpuacct', 'name=systemd'])
})

test('unified without controllers on v1 is v2, wherever it is mounted', () => {
  const layout = parseLayout(
    '32 31 0:29 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd\n40 1 0:33 / /mnt/c\\040g rw - cgroup2 none rw\n',
    '1:name=systemd:/\n0::/\n',
  )
  assert.equal(layout.kind, 'v2')
  assert.deepEqual([...layout.hierarchies.keys()], [''])
  assert.equal(layout.hierarchies.get('')?.mountPoint, '/mnt/c g')
})

test('no cgroup mounts at all is an error that says what to mount', () => {
  assert.throws(() => parseLayout('22 1 8:1 / / rw - ext4 /dev/sda1 rw\n', '0::/\n'), {
    kind: 'failed-precondition',
    message: /mount -t cgroup2/,
  })
})

test('a mount of a part of the hierarchy shows paths from there on', () => {
  const mount = { root: '/docker/abc', mountPoint: '/sys/fs/cgroup' }
  assert.equal(directoryIn(mount, '/docker/abc/x'), '/sys/fs/cgroup/x')
  assert.equal(directoryIn(mount, '/docker/abc'), '/sys/fs/cgroup')
  assert.equal(directoryIn(mount, '/elsewhere'), '/sys/fs/cgroup', 'what is outside cannot be seen')
})
