/** podman's security options with our runtime, as the process finds itself confined. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { requires } from '../../support/requires.ts'
import { IMAGE, Podman } from './podman.ts'

describe('podman: security options', { skip: requires('root', 'podman', 'busybox') }, () => {
  let podman: Podman
  before(async () => {
    podman = await Podman.open()
  })
  after(() => podman?.close())

  const out = (options: readonly string[], script: string): string => {
    const { status, stdout, stderr } = podman.container(options, 'sh', '-c', script)
    assert.equal(status, 0, stderr)
    return stdout
  }
  /** Fields of /proc/self/status, by name. */
  const identity = (options: readonly string[]): Map<string, string> =>
    new Map(
      out(options, 'cat /proc/self/status')
        .split('\n')
        .map((line) => line.split(':\t') as [string, string]),
    )
  const capabilities = (options: readonly string[], set: string): bigint => BigInt(`0x${identity(options).get(set)}`)
  const CAP_CHOWN = 1n << 0n
  const CAP_NET_ADMIN = 1n << 12n
  const CAP_SYS_ADMIN = 1n << 21n

  test('--cap-drop takes a capability out of all sets', () => {
    for (const set of ['CapPrm', 'CapEff', 'CapBnd']) {
      assert.notEqual(capabilities([], set) & CAP_CHOWN, 0n)
      assert.equal(capabilities(['--cap-drop=CHOWN'], set) & CAP_CHOWN, 0n)
    }
    assert.equal(capabilities(['--cap-drop=all'], 'CapBnd'), 0n)
    assert.match(podman.container(['--cap-drop=CHOWN'], 'chown', '1000', '/tmp').stderr, /Operation not permitted/)
  })

  test('--cap-add puts one in', () => {
    assert.equal(capabilities([], 'CapEff') & CAP_NET_ADMIN, 0n)
    assert.notEqual(capabilities(['--cap-add=NET_ADMIN'], 'CapEff') & CAP_NET_ADMIN, 0n)
  })

  test('the inheritable set is empty, also for another user', () => {
    assert.equal(capabilities([], 'CapInh'), 0n)
    const user = identity(['--user=1000'])
    assert.deepEqual([user.get('CapInh'), user.get('CapEff'), user.get('CapAmb')], Array(3).fill('0000000000000000'))
  })

  test('no-new-privileges', () => {
    assert.equal(identity([]).get('NoNewPrivs'), '0')
    assert.equal(identity(['--security-opt=no-new-privileges']).get('NoNewPrivs'), '1')
  })

  test('the default seccomp profile is in force, and can be switched off', () => {
    assert.equal(identity([]).get('Seccomp'), '2')
    assert.equal(identity(['--security-opt=seccomp=unconfined']).get('Seccomp'), '0')
  })

  test('a seccomp profile of the user', () => {
    const profile = join(podman.corner.folder, 'profile.json')
    const rule = { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errnoRet: 122 }
    writeFileSync(
      profile,
      JSON.stringify({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_AARCH64'], syscalls: [rule] }),
    )
    const { stderr } = podman.container([`--security-opt=seccomp=${profile}`], 'mkdir', '/tmp/folder')
    assert.match(stderr, /Disk quota exceeded/)
  })

  test('masked paths: by default, of the user, and none', () => {
    assert.equal(out([], 'wc -c </proc/timer_list; ls /sys/firmware'), '0\n')
    assert.equal(out(['--security-opt=mask=/etc/group:/bin/data'], 'cat /etc/group /bin/data'), '')
    assert.match(out(['--security-opt=unmask=/proc/timer_list'], 'head -n 1 /proc/timer_list'), /Timer List Version/)
  })

  test('read-only paths below /proc', () => {
    assert.match(podman.container([], 'sh', '-c', 'echo 1 >/proc/sys/kernel/panic').stderr, /Read-only file system/)
  })

  test('--read-only: only volumes can be written to', () => {
    const { status, stdout, stderr } = podman.container(
      ['--read-only'],
      'sh',
      '-c',
      'echo tmp >/tmp/file && cat /tmp/file; echo >/etc/file',
    )
    assert.equal(status, 1)
    assert.equal(stdout, 'tmp\n')
    assert.match(stderr, /\/etc\/file: Read-only file system/)
  })

  test('--privileged', () => {
    assert.notEqual(capabilities(['--privileged'], 'CapEff') & CAP_SYS_ADMIN, 0n)
    assert.equal(identity(['--privileged']).get('Seccomp'), '0')
    assert.equal(out(['--privileged'], 'mkdir /tmp/m && mount -t tmpfs none /tmp/m && grep -c " /tmp/m " /proc/self/mountinfo'), '1\n')
  })

  test('--user by name, by number, with groups', () => {
    assert.equal(out(['--user=user'], 'id'), 'uid=1000(user) gid=1000(user) groups=1000(user)\n')
    assert.equal(out(['--user=12:34', '--group-add=56'], 'id'), 'uid=12(12) gid=34(34) groups=34(34),56\n')
    assert.match(podman.container(['--user=4294967296'], 'id').stderr, /./)
    assert.notEqual(podman.container(['--user=4294967296'], 'id').status, 0)
  })

  test('--userns with maps: root inside is nobody outside', () => {
    const maps = ['--uidmap=0:200000:65536', '--gidmap=0:300000:65536']
    assert.equal(
      out(maps, 'id; tr -s " " </proc/self/uid_map; tr -s " " </proc/self/gid_map'),
      'uid=0(root) gid=0(root)\n 0 200000 65536\n 0 300000 65536\n',
    )
    assert.equal(
      out(maps, 'touch /root/file && stat -c %u /root/file /root; chown 5:6 /root/file && stat -c %u:%g /root/file'),
      '0\n0\n5:6\n',
    )
    const id = podman.background(maps, 'sleep', '60')
    assert.equal(podman.ok('top', id, 'huser').trim().split('\n').at(-1), '200000')
    assert.equal(podman.ok('exec', id, 'id', '-u'), '0\n')
    assert.equal(podman.ok('exec', '--user=7', id, 'id', '-u'), '7\n')
    podman.remove(id)
  })

  test('--userns with maps and a read-only root, volumes, tmpfs and a terminal', () => {
    const maps = ['--uidmap=0:200000:65536', '--gidmap=0:200000:65536', '--read-only', '--tmpfs=/data', '--hostname=mapped']
    const { status, stdout } = podman.terminal(
      '',
      'run',
      '-it',
      '--rm',
      ...podman.place,
      ...maps,
      IMAGE,
      'sh',
      '-c',
      'tty; hostname; echo x >/data/x; stat -c %u $(tty) /data/x; sleep 0.5', // podman loses what is written just before the end
    )
    assert.deepEqual({ status, stdout }, { status: 0, stdout: '/dev/pts/0\r\nmapped\r\n0\r\n0\r\n' })
  })

  test('--sysctl of a namespace', () => {
    assert.equal(
      out(['--sysctl=net.ipv4.ip_forward=1', '--sysctl=kernel.msgmax=4321'], 'cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax'),
      '1\n4321\n',
    )
  })
})
