/** Each check, on machines that lack one thing. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Check, DiskFacts, Machine } from '../../../../cli/doctor/check.ts'
import { examine } from '../../../../cli/doctor/doctor.ts'

const DISK: DiskFacts = { path: '/var/lib', type: 0xef53, free: 2e11, total: 4e11, freeInodes: 1e7, quota: true }

const FILES: Readonly<Record<string, string>> = {
  '/proc/sys/kernel/seccomp/actions_avail': 'kill_process allow\n',
  '/proc/sys/net/ipv4/ip_forward': '1\n',
  '/proc/sys/net/ipv6/conf/all/forwarding': '1\n',
  '/proc/sys/user/max_user_namespaces': '10000\n',
  '/proc/self/status': 'CapPrm:\tffffffffffffffff\n',
  '/sys/module/apparmor/parameters/enabled': 'Y\n',
  '/sys/kernel/security/apparmor/profiles': '',
  '/opt/cni/bin/bridge': '',
  '/dev/net/tun': '',
}

interface Change extends Partial<Omit<Machine, 'probes' | 'disk' | 'read' | 'exists' | 'find'>> {
  readonly files?: Readonly<Record<string, string | undefined>>
  readonly programs?: readonly string[]
  readonly probes?: Partial<Machine['probes']>
  readonly disk?: Partial<DiskFacts>
}

const machine = ({ files = {}, programs = ['newuidmap', 'newgidmap', 'pasta'], probes = {}, disk = {}, ...rest }: Change = {}): Machine => {
  const all: Readonly<Record<string, string | undefined>> = { ...FILES, ...files }
  return {
    uid: 0,
    user: 'root',
    release: '6.12.0',
    root: '/var/lib/wherry',
    ...rest,
    read: (path) => all[path],
    exists: (path) => all[path] !== undefined,
    find: (program) => (programs.includes(program) ? `/usr/bin/${program}` : undefined),
    probes: {
      overlay: () => {},
      nftables: () => {},
      seccomp: () => '2.5.4',
      cgroups: () => ({ kind: 'v2', controllers: ['cpu', 'memory', 'pids', 'io', 'cpuset'], writable: true }),
      ...probes,
    },
    disk: () => ({ ...DISK, ...disk }),
  }
}

const named = (checks: readonly Check[], name: string): Check => {
  const found = checks.find((check) => check.name === name)
  assert.ok(found !== undefined, `no check ${name}: ${checks.map((check) => check.name).join(', ')}`)
  return found
}

const fails = (message: string) => (): never => {
  throw new Error(message)
}

test('a machine that has everything is well', () => {
  const checks = examine(machine())
  assert.deepEqual(
    checks.filter(({ status }) => status !== 'ok'),
    [],
  )
})

const CASES: readonly (readonly [what: string, change: Change, name: string, status: Check['status'], mend: RegExp | undefined])[] = [
  ['an old kernel', { release: '5.15.0' }, 'kernel', 'missing', /install/],
  ['the oldest kernel', { release: '6.1.0-18-amd64' }, 'kernel', 'limited', undefined],
  ['no overlay', { probes: { overlay: fails('ENODEV') } }, 'overlay', 'missing', /modprobe overlay/],
  ['no seccomp', { files: { '/proc/sys/kernel/seccomp/actions_avail': undefined } }, 'seccomp', 'missing', undefined],
  ['no libseccomp', { probes: { seccomp: fails('no such library') } }, 'seccomp', 'missing', /libseccomp2/],
  ['root without much', { files: { '/proc/self/status': 'CapPrm:\t0000000000000001\n' } }, 'capabilities', 'missing', /machine itself/],
  ['no security module', { files: { '/sys/module/apparmor/parameters/enabled': undefined } }, 'security module', 'limited', undefined],
  ['no securityfs', { files: { '/sys/kernel/security/apparmor/profiles': undefined } }, 'security module', 'limited', /securityfs/],
  ['no cgroups', { probes: { cgroups: fails('none is mounted') } }, 'cgroups', 'missing', /mount -t cgroup2/],
  [
    'cgroup v1',
    { probes: { cgroups: () => ({ kind: 'v1', controllers: ['cpu', 'memory', 'pids', 'blkio', 'cpuset'], writable: false }) } },
    'cgroups',
    'limited',
    /unified_cgroup_hierarchy/,
  ],
  [
    'no pids controller',
    { probes: { cgroups: () => ({ kind: 'v2', controllers: ['cpu', 'memory', 'io', 'cpuset'], writable: true }) } },
    'controllers',
    'limited',
    /\+pids/,
  ],
  [
    'no delegation',
    { uid: 1000, probes: { cgroups: () => ({ kind: 'v2', controllers: [], writable: false }) } },
    'controllers',
    'limited',
    /Delegate=/,
  ],
  [
    'no user namespaces',
    { files: { '/proc/sys/user/max_user_namespaces': '0\n' } },
    'user namespaces',
    'limited',
    /sysctl -w user\.max_user_namespaces/,
  ],
  [
    'no user namespaces for a user',
    { uid: 1000, files: { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' } },
    'user namespaces',
    'missing',
    /unprivileged_userns_clone=1/,
  ],
  [
    'AppArmor against them',
    { uid: 1000, files: { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' } },
    'user namespaces',
    'missing',
    /apparmor_restrict/,
  ],
  ['no newuidmap', { uid: 1000, programs: ['pasta'] }, 'ids of users', 'missing', /uidmap/],
  ['no ranges', { uid: 4_000_000, user: 'nobody-here' }, 'ids of users', 'missing', /usermod --add-subuids/],
  ['no libnftables', { probes: { nftables: fails('libnftables.so.1 cannot be loaded') } }, 'nftables', 'missing', /libnftables1/],
  ['no nf_tables', { probes: { nftables: fails('nft: Operation not supported') } }, 'nftables', 'missing', /modprobe nf_tables/],
  [
    'bridged frames filtered',
    { files: { '/proc/sys/net/bridge/bridge-nf-call-iptables': '1\n' } },
    'br_netfilter',
    'limited',
    /bridge-nf-call/,
  ],
  ['no CNI', { files: { '/opt/cni/bin/bridge': undefined } }, 'CNI', 'limited', /containernetworking-plugins/],
  ['no pasta', { uid: 1000, programs: ['newuidmap', 'newgidmap'] }, 'pasta', 'missing', /passt/],
  ['no tun', { uid: 1000, files: { '/dev/net/tun': undefined } }, 'pasta', 'missing', /modprobe tun/],
  ['a store on overlay', { disk: { type: 0x794c7630 } }, 'file system', 'missing', /--root/],
  ['a store in memory', { disk: { type: 0x01021994 } }, 'file system', 'limited', undefined],
  ['a full disk', { disk: { free: 1e8 } }, 'disk', 'limited', /prune/],
  ['few inodes', { disk: { freeInodes: 5 } }, 'disk', 'limited', /prune/],
  ['no quota', { disk: { quota: false } }, 'quota', 'limited', /prjquota/],
]

for (const [what, change, name, status, mend] of CASES)
  test(`${what}: ${name} is ${status}`, () => {
    const check = named(examine(machine(change)), name)
    assert.equal(check.status, status)
    assert.ok(check.costs !== undefined && check.costs !== '', 'what it costs')
    if (mend === undefined) assert.equal(check.mend, undefined)
    else assert.match(check.mend ?? '', mend)
  })
