/** The spec of a container: what is there by default, and what flags change. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { MASKED, READONLY } from '../../../../cli/containers/spec/paths.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { DEFAULT_CAPABILITIES } from '../../../../runtime/capabilities.ts'
import { CAPABILITY_NAMES } from '../../../../runtime/capabilities.ts'
import { RLIM_INFINITY } from '../../../../runtime/sys/abi/resource.ts'
import { configFor, ID, requestOf } from '../../../support/requests.ts'
import { MACHINE, specOf } from '../../../support/spec-facts.ts'

const fails = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    if (error instanceof WherryError) return error.message
    throw error
  }
  throw new Error('it did not fail')
}

describe('the process', () => {
  test('has docker’s capabilities, and no inheritable or ambient ones', () => {
    const { capabilities } = specOf([]).spec.process
    assert.deepEqual(capabilities, { bounding: DEFAULT_CAPABILITIES, effective: DEFAULT_CAPABILITIES, permitted: DEFAULT_CAPABILITIES })
    assert.equal(DEFAULT_CAPABILITIES.length, 14)
  })

  test('has more and fewer of them as flags say', () => {
    const bounding = (...argv: string[]) => specOf(argv).spec.process.capabilities?.bounding?.toSorted()
    const others = { machine: { capabilities: { known: CAPABILITY_NAMES, own: ['CAP_CHOWN', 'CAP_KILL'] } } }
    assert.deepEqual(bounding('--cap-drop', 'ALL', '--cap-add', 'SYS_TIME'), ['CAP_SYS_TIME'])
    assert.deepEqual(
      bounding('--cap-drop', 'MKNOD', '--cap-add', 'SYS_TIME'),
      [...DEFAULT_CAPABILITIES.filter((name) => name !== 'CAP_MKNOD'), 'CAP_SYS_TIME'].sort(),
    )
    assert.deepEqual(bounding('--cap-add', 'ALL', '--cap-drop', 'CHOWN'), CAPABILITY_NAMES.filter((name) => name !== 'CAP_CHOWN').sort())
    // no more than this process has, but in a user namespace of its own all
    assert.deepEqual(specOf(['--cap-add', 'ALL'], others).spec.process.capabilities?.bounding, ['CAP_CHOWN', 'CAP_KILL'])
    const mappings = { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 1000, size: 10 }] }
    assert.deepEqual(
      specOf(['--cap-add', 'ALL', '--userns', 'auto'], { ...others, mappings }).spec.process.capabilities?.bounding,
      CAPABILITY_NAMES,
    )
  })

  test('may open as many files as a service wants, and this machine gives', () => {
    assert.deepEqual(specOf([]).spec.process.rlimits, [{ type: 'RLIMIT_NOFILE', soft: 524_288n, hard: 524_288n }])
    assert.deepEqual(specOf([], { machine: { openFiles: RLIM_INFINITY } }).spec.process.rlimits, [
      { type: 'RLIMIT_NOFILE', soft: 1_048_576n, hard: 1_048_576n },
    ])
    assert.deepEqual(specOf(['--ulimit', 'nofile=10:20', '--ulimit', 'core=-1']).spec.process.rlimits, [
      { type: 'RLIMIT_NOFILE', soft: 10n, hard: 20n },
      { type: 'RLIMIT_CORE', soft: RLIM_INFINITY, hard: RLIM_INFINITY },
    ])
  })

  test('is who it is to be', () => {
    const user = { uid: 5, gid: 6, additionalGids: [6, 7], home: '/' }
    assert.deepEqual(specOf(['--umask', '077'], { user }).spec.process.user, { uid: 5, gid: 6, additionalGids: [6, 7], umask: 0o77 })
    const { noNewPrivileges, terminal, oomScoreAdj } = specOf(['-t', '--security-opt', 'no-new-privileges', '--oom-score-adj', '500']).spec
      .process
    assert.deepEqual([noNewPrivileges, terminal, oomScoreAdj], [true, true, 500])
  })

  test('is not spared when memory is short because its engine is', () => {
    assert.equal(specOf([]).spec.process.oomScoreAdj, undefined)
    assert.equal(specOf([], { machine: { oomScoreAdj: -900 } }).spec.process.oomScoreAdj, 0)
    assert.equal(specOf([], { machine: { oomScoreAdj: 300 } }).spec.process.oomScoreAdj, undefined)
  })
})

describe('the namespaces', () => {
  const types = (...argv: string[]) => specOf(argv).spec.linux.namespaces?.map(({ type }) => type)

  test('are new, but that of users', () => {
    assert.deepEqual(types(), ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'])
    assert.deepEqual(types('--pid', 'host', '--network', 'host', '--ipc', 'host', '--uts', 'host', '--cgroupns', 'host'), ['mount'])
    assert.deepEqual(types('--network', 'none', '--ipc', 'none'), ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup'])
  })

  test('are those of another container’s first process', () => {
    const read = { containers: { c: configFor(requestOf('--ipc', 'shareable')) } }
    const argv = [
      '--pid',
      'container:c',
      '--network',
      'container:c',
      '--ipc',
      'container:c',
      '--uts',
      'container:c',
      '--userns',
      'container:c',
    ]
    const mappings = { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 1000, size: 10 }] }
    const { linux } = specOf(argv, { read, inits: new Map([[ID, 77]]), mappings }).spec
    assert.deepEqual(linux.namespaces, [
      { type: 'pid', path: '/proc/77/ns/pid' },
      { type: 'network', path: '/proc/77/ns/net' },
      { type: 'ipc', path: '/proc/77/ns/ipc' },
      { type: 'uts', path: '/proc/77/ns/uts' },
      { type: 'mount' },
      { type: 'cgroup' },
      { type: 'user', path: '/proc/77/ns/user' },
    ])
    assert.equal(linux.uidMappings, undefined)
    assert.equal(
      fails(() => specOf(argv, { read })),
      'container abababababab, whose pid namespace is wanted, does not run: start it first',
    )
  })

  test('of users have mappings', () => {
    const mappings = { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 2000, size: 10 }] }
    const { linux } = specOf(['--userns', 'auto'], { mappings }).spec
    assert.deepEqual(linux.namespaces?.at(-1), { type: 'user' })
    assert.deepEqual([linux.uidMappings, linux.gidMappings], [mappings.uid, mappings.gid])
  })

  test('of time have offsets in whole seconds and nanoseconds', () => {
    const offsets = (...argv: string[]) => specOf(argv.flatMap((text) => ['--time-offset', text])).spec.linux.timeOffsets
    assert.deepEqual(offsets('monotonic=1.5'), { monotonic: { secs: 1, nanosecs: 500_000_000 } })
    assert.deepEqual(offsets('boottime=-1.5', 'monotonic=-2'), {
      monotonic: { secs: -2, nanosecs: 0 },
      boottime: { secs: -2, nanosecs: 500_000_000 },
    })
    assert.deepEqual(types('--time-offset', 'boottime=1')?.at(-1), 'time')
  })

  test('of networks let everybody ping and serve', () => {
    const sysctl = (...argv: string[]) => specOf(argv).spec.linux.sysctl
    assert.deepEqual(sysctl(), { 'net/ipv4/ip_unprivileged_port_start': '0', 'net/ipv4/ping_group_range': '0 2147483647' })
    assert.deepEqual(sysctl('--network', 'host'), {})
    assert.equal(sysctl('--sysctl', 'net.ipv4.ip_unprivileged_port_start=80')?.['net/ipv4/ip_unprivileged_port_start'], '80')
    const mappings = { uid: [{ containerID: 0, hostID: 1000, size: 10 }], gid: [{ containerID: 0, hostID: 1000, size: 10 }] }
    assert.deepEqual(specOf(['--userns', 'auto'], { mappings }).spec.linux.sysctl, { 'net/ipv4/ip_unprivileged_port_start': '0' })
  })

  test('of hosts have a name', () => {
    const names = (...argv: string[]) => {
      const { hostname, domainname } = specOf(argv).spec
      return [hostname, domainname]
    }
    assert.deepEqual(names(), ['box', undefined])
    assert.deepEqual(names('--domainname', 'example'), ['box', 'example'])
    assert.deepEqual(names('--uts', 'host'), [undefined, undefined])
  })
})

describe('what is shut', () => {
  test('are paths that tell of the machine or change it', () => {
    const { linux } = specOf([]).spec
    assert.deepEqual([linux.maskedPaths, linux.readonlyPaths], [MASKED, READONLY])
  })

  test('is opened and shut by paths and patterns', () => {
    const paths = (...argv: string[]) => {
      const { linux } = specOf(argv.flatMap((text) => ['--security-opt', text])).spec
      return [linux.maskedPaths, linux.readonlyPaths]
    }
    assert.deepEqual(paths('unmask=ALL'), [[], []])
    assert.deepEqual(paths('unmask=ALL', 'mask=/proc/cpuinfo'), [['/proc/cpuinfo'], []])
    assert.deepEqual(paths('unmask=/proc/*', 'mask=/x'), [['/sys/devices/virtual/powercap', '/sys/firmware', '/x'], []])
    assert.deepEqual(paths('unmask=/proc/kcore:/proc/sys'), [
      MASKED.filter((path) => path !== '/proc/kcore'),
      READONLY.filter((path) => path !== '/proc/sys'),
    ])
  })

  test('is nothing for a privileged container', () => {
    const device = {
      type: 'c',
      source: '/dev/fuse',
      path: '/dev/fuse',
      major: 10,
      minor: 229,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
      access: 'rwm',
    } as const
    const { linux, process, mounts } = specOf(['--privileged'], { devices: [device] }).spec
    assert.deepEqual([linux.maskedPaths, linux.readonlyPaths, linux.seccomp], [[], [], undefined])
    assert.deepEqual(process.capabilities?.bounding, CAPABILITY_NAMES)
    assert.deepEqual(linux.resources?.devices, [{ allow: true, access: 'rwm' }])
    const { access: _, source: __, ...node } = device
    assert.deepEqual(linux.devices, [node])
    for (const destination of ['/sys', '/sys/fs/cgroup'])
      assert.equal(mounts?.find((mount) => mount.destination === destination)?.options?.at(-1), 'rw')
  })

  test('are system calls, as the capabilities are', () => {
    const names = (...argv: string[]) =>
      new Set(specOf(argv).spec.linux.seccomp?.syscalls?.flatMap((rule) => (rule.args === undefined ? rule.names : [])))
    assert.equal(names().has('mount'), false)
    assert.equal(names('--cap-add', 'SYS_ADMIN').has('mount'), true)
    assert.equal(specOf(['--security-opt', 'seccomp=unconfined']).spec.linux.seccomp, undefined)
  })

  test('are devices', () => {
    const devices = [
      { type: 'b', source: '/dev/sda1', path: '/dev/x', major: 8, minor: 1, fileMode: 0o660, uid: 0, gid: 6, access: 'r' } as const,
    ]
    const { linux } = specOf(['--device-cgroup-rule', 'c 42:* rmw', '--device-cgroup-rule', 'a *:* r'], { devices }).spec
    assert.deepEqual(linux.resources?.devices, [
      { allow: false, access: 'rwm' },
      { allow: true, type: 'b', major: 8, minor: 1, access: 'r' },
      { allow: true, type: 'c', major: 42, access: 'rmw' },
      { allow: true, access: 'r' },
    ])
    assert.deepEqual(linux.devices, [{ type: 'b', path: '/dev/x', major: 8, minor: 1, fileMode: 0o660, uid: 0, gid: 6 }])
  })

  test('are devices of another name bound where none can be made', () => {
    const device = {
      type: 'c',
      source: '/dev/zero',
      path: '/dev/nothing',
      major: 1,
      minor: 5,
      fileMode: 0o666,
      uid: 0,
      gid: 0,
      access: 'rwm',
    } as const
    const same = { ...device, path: '/dev/zero' }
    const { linux, mounts } = specOf([], { devices: [device, same], machine: { rootless: true } }).spec
    assert.deepEqual(
      linux.devices?.map(({ path }) => path),
      ['/dev/zero'],
    )
    assert.deepEqual(mounts?.at(-1), {
      destination: '/dev/nothing',
      type: 'bind',
      source: '/dev/zero',
      options: ['bind', 'rprivate', 'nosuid', 'noexec'],
    })
  })

  test('are labels of the kernel’s security modules', () => {
    const { process, linux } = specOf([], { apparmorProfile: 'wherry-default', selinux: { process: 'a:b:c:s0', mount: 'a:b:d:s0' } }).spec
    assert.deepEqual([process.apparmorProfile, process.selinuxLabel, linux.mountLabel], ['wherry-default', 'a:b:c:s0', 'a:b:d:s0'])
  })
})

test('its cgroup is below ours, or where the user wants it', () => {
  const path = (argv: readonly string[], machine = {}) => specOf(argv, { machine }).spec.linux.cgroupsPath
  const systemd = { cgroup: { ...MACHINE.cgroup, systemd: true } }
  assert.equal(path([]), `/wherry-${ID}`)
  assert.equal(path(['--cgroup-parent', '/mine/']), `/mine/${ID}`)
  assert.equal(path(['--cgroup-parent', 'mine']), `mine/${ID}`)
  assert.equal(path([], { rootless: true }), undefined)
  assert.equal(path([], systemd), `machine.slice:wherry:${ID}`)
  assert.equal(path(['--cgroup-parent', 'my.slice'], systemd), `my.slice:wherry:${ID}`)
})

test('annotations are what the user gives, and nothing of the image', () => {
  assert.deepEqual(specOf(['--annotation', 'a=b', '--label', 'run.oci.handler=krun']).spec.annotations, { a: 'b' })
})

test('the engine takes all of it', () => {
  const argv = [
    '-it',
    '--privileged',
    '-v',
    '/a:/b:ro',
    '--tmpfs',
    '/t:size=1m',
    '--sysctl',
    'kernel.msgmax=5',
    '-m',
    '64m',
    '--cpus',
    '1.5',
    '--time-offset',
    'boottime=5',
  ]
  assert.equal(specOf(argv).parsed.process.terminal, true)
})
