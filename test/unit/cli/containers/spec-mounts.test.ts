/** The mounts of a container. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Mount } from '../../../../runtime/spec/types.ts'
import { configFor, requestOf } from '../../../support/requests.ts'
import { type FactOptions, MACHINE, specOf } from '../../../support/spec-facts.ts'

const mounts = (argv: readonly string[], options: FactOptions = {}): readonly Mount[] => specOf(argv, options).spec.mounts ?? []
const at = (destination: string, argv: readonly string[], options: FactOptions = {}): Mount | undefined =>
  mounts(argv, options).find((mount) => mount.destination === destination)
const targets = (argv: readonly string[], options: FactOptions = {}): readonly string[] =>
  mounts(argv, options).map(({ destination }) => destination)

const OURS = ['/proc', '/dev', '/dev/pts', '/dev/mqueue', '/dev/shm', '/sys', '/sys/fs/cgroup']
const MAPPINGS = { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 1000, size: 10 }] }

test('has what every container has', () => {
  assert.deepEqual(targets([]), OURS)
  assert.deepEqual(at('/dev/shm', ['--shm-size', '1m'])?.options, ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=1048576'])
  assert.deepEqual(at('/sys', [])?.options, ['nosuid', 'noexec', 'nodev', 'ro'])
})

test('lets it write to cgroups only where that changes no limit', () => {
  const last = (argv: readonly string[], cgroup = {}) =>
    at('/sys/fs/cgroup', argv, { machine: { cgroup: { ...MACHINE.cgroup, ...cgroup } } })?.options?.at(-1)
  assert.equal(last([]), 'rw')
  assert.equal(last([], { delegated: false }), 'ro')
  assert.equal(last([], { layout: 'hybrid', delegated: true }), 'ro')
  assert.equal(last(['--cgroupns', 'host']), 'ro')
  assert.equal(last(['--privileged'], { layout: 'v1' }), 'rw')
})

test('shares /dev/shm with whose ipc namespace it has', () => {
  assert.deepEqual(at('/dev/shm', ['--ipc', 'host']), {
    destination: '/dev/shm',
    type: 'bind',
    source: '/dev/shm',
    options: ['rbind', 'rslave', 'nosuid', 'noexec', 'nodev'],
  })
  assert.equal(at('/dev/shm', ['--ipc', 'none']), undefined)
  const read = { containers: { c: configFor(requestOf('--ipc', 'shareable')) } }
  const inits = new Map([['ab'.repeat(32), 7]])
  const { spec, mountSources } = specOf(['--ipc', 'container:c'], { read, inits, shm: { kind: 'mount', fd: 99 } })
  const index = spec.mounts!.findIndex(({ destination }) => destination === '/dev/shm')
  assert.deepEqual([...mountSources], [[index, 99]])
})

test('binds the machine’s /sys and /proc where none of its own can be mounted', () => {
  for (const [userns, options] of [
    [['--userns', 'auto'], { mappings: MAPPINGS }],
    [[], { machine: { rootless: true } }],
  ] as const) {
    assert.equal(at('/sys', ['--network', 'host', ...userns], options)?.type, 'bind')
    assert.equal(at('/sys', [...userns], options)?.type, 'sysfs')
    assert.equal(at('/proc', ['--pid', 'host', ...userns], options)?.type, 'bind')
    assert.equal(at('/proc', [...userns], options)?.type, 'proc')
    assert.equal(at('/dev/mqueue', ['--ipc', 'host', ...userns], options), undefined)
    assert.equal(at('/dev/mqueue', [...userns], options)?.type, 'mqueue')
    assert.deepEqual(specOf(['--pid', 'host', ...userns], options).spec.linux.sysctl, {})
  }
  assert.equal(at('/sys', ['--network', 'host'])?.type, 'sysfs')
  // the machine's processes are nobody's who shares those of a container
  const read = { containers: { c: configFor(requestOf()) } }
  const argv = ['--pid', 'container:c', '--network', 'container:c', '--userns', 'container:c']
  const joined = { read, mappings: MAPPINGS, inits: new Map([['ab'.repeat(32), 7]]) }
  assert.deepEqual(
    ['/proc', '/sys'].map((target) => at(target, argv, joined)?.type),
    ['proc', 'sysfs'],
  )
})

test('gives terminals to group tty where there is one', () => {
  const has = (argv: readonly string[], options: FactOptions = {}) => at('/dev/pts', argv, options)?.options?.includes('gid=5')
  const auto = ['--userns', 'auto']
  assert.equal(has([]), true)
  assert.equal(has(auto, { mappings: MAPPINGS }), true)
  assert.equal(has(auto, { mappings: { ...MAPPINGS, gid: [{ containerID: 0, hostID: 1000, size: 5 }] } }), false)
  assert.equal(has([], { machine: { rootless: true } }), false)
})

test('binds files and folders of the machine', () => {
  const options = (...argv: string[]) => at('/b', argv)?.options
  assert.deepEqual(at('/b', ['-v', '/a:/b']), { destination: '/b', type: 'bind', source: '/a', options: ['rbind', 'rprivate'] })
  assert.deepEqual(options('-v', '/a:/b:ro'), ['rbind', 'rprivate', 'ro', 'rro'])
  assert.deepEqual(options('-v', '/a:/b:bind,ro,noexec'), ['bind', 'rprivate', 'noexec', 'ro'])
  assert.deepEqual(options('-v', '/a:/b:rslave'), ['rbind', 'rslave'])
  assert.deepEqual(options('--mount', 'type=bind,src=/a,dst=/b,ro,bind-recursive=writable'), ['rbind', 'rprivate', 'ro'])
})

test('has a root that passes on what is mounted, where that is wanted', () => {
  const propagation = (...argv: string[]) => specOf(argv).spec.linux.rootfsPropagation
  assert.equal(propagation('-v', '/a:/b'), undefined)
  assert.equal(propagation('-v', '/a:/b:rslave'), 'rslave')
  assert.equal(propagation('-v', '/a:/b:slave', '-v', '/a:/c:shared'), 'shared')
})

test('shifts the ids of volumes with those of the container, of other mounts only where that is wanted', () => {
  const options = { mappings: MAPPINGS }
  assert.deepEqual(at('/b', ['-v', 'v:/b', '--userns', 'auto'], options)?.options, ['rbind', 'rprivate', 'idmap'])
  assert.deepEqual(at('/b', ['-v', 'v:/b'])?.options, ['rbind', 'rprivate'])
  assert.deepEqual(at('/b', ['-v', '/a:/b', '--userns', 'auto'], options)?.options, ['rbind', 'rprivate'])
  assert.deepEqual(at('/b', ['-v', '/a:/b:idmap', '--userns', 'auto'], options)?.options, ['rbind', 'rprivate', 'idmap'])
  assert.deepEqual(at('/b', ['-v', '/a:/b:idmap'])?.options, ['rbind', 'rprivate'])
  assert.deepEqual(at('/b', ['-v', '/a:/b:idmap=uids=0-5-1;gids=0-6-1']), {
    destination: '/b',
    type: 'bind',
    source: '/a',
    options: ['rbind', 'rprivate', 'idmap'],
    uidMappings: [{ containerID: 0, hostID: 5, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: 6, size: 1 }],
  })
})

test('takes what was opened by its descriptor', () => {
  const { spec, mountSources } = specOf(['-v', '/a:/a', '--mount', 'type=image,src=i,dst=/i'], {
    sources: new Map([
      [0, { kind: 'path', path: '/a' }],
      [1, { kind: 'mount', fd: 42 }],
    ]),
  })
  const index = spec.mounts!.findIndex(({ destination }) => destination === '/i')
  assert.deepEqual([...mountSources], [[index, 42]])
  assert.deepEqual(spec.mounts![index]?.options, ['rbind', 'rprivate', 'ro', 'rro'])
})

test('has tmpfs with docker’s options', () => {
  assert.deepEqual(at('/t', ['--tmpfs', '/t'])?.options, ['noexec', 'nosuid', 'nodev'])
  assert.deepEqual(at('/t', ['--tmpfs', '/t:exec,size=1m,mode=700,ro'])?.options, [
    'nosuid',
    'nodev',
    'exec',
    'ro',
    'size=1048576',
    'mode=700',
  ])
})

test('leaves some folders writable in a root that is not', () => {
  const { root } = specOf(['--read-only']).spec
  assert.equal(root.readonly, true)
  assert.deepEqual(targets(['--read-only']).slice(OURS.length), ['/run', '/tmp', '/var/tmp'])
  assert.deepEqual(targets(['--read-only', '--read-only-tmpfs=false']), OURS)
  assert.deepEqual(at('/tmp', ['--read-only', '-v', '/a:/tmp'])?.source, '/a')
})

test('gives way to what the user mounts', () => {
  assert.equal(at('/dev/shm', ['-v', '/a:/dev/shm'])?.source, '/a')
  assert.deepEqual(targets(['-v', '/dev:/dev']), ['/proc', '/sys', '/sys/fs/cgroup', '/dev'])
  const files = { hosts: '/run/h', resolvConf: '/run/r', hostname: '/run/n' }
  assert.deepEqual(targets(['-v', '/x:/etc/hosts'], { files }).slice(OURS.length), ['/etc/resolv.conf', '/etc/hostname', '/etc/hosts'])
  assert.equal(at('/etc/hosts', ['-v', '/x:/etc/hosts'], { files })?.source, '/x')
})

test('mounts what lies above before what lies below', () => {
  const files = { hosts: '/run/h' }
  assert.deepEqual(targets(['-v', '/1:/a/b/c', '-v', '/2:/a', '--tmpfs', '/a/b', '-v', '/3:/etc'], { files }).slice(OURS.length), [
    '/a',
    '/etc',
    '/etc/hosts',
    '/a/b',
    '/a/b/c',
  ])
  assert.deepEqual(at('/etc/hosts', ['--read-only'], { files })?.options, ['bind', 'rprivate', 'ro'])
})
