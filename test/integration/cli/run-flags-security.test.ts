/** Flags of run about power, asserted by what the container can do. */
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { MASKED, READONLY } from '../../../cli/containers/spec/paths.ts'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

/** Docker's fourteen, capabilities(7). */
const FOURTEEN = '00000000a80425fb'

describe('flags of wherry run: power', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const shell = async (flags: readonly string[], script: string): Promise<string> =>
    (await wherry.ok('run', '--rm', '--network', 'none', ...flags, IMAGE, 'sh', '-c', script)).trim()
  const status = (field: string): string => `grep "^${field}:" /proc/self/status | cut -f 2`

  test('has docker’s capabilities and a filter, and can gain privileges', async () => {
    const said = await shell([], ['CapBnd', 'CapEff', 'CapInh', 'CapAmb', 'NoNewPrivs', 'Seccomp'].map(status).join(';'))
    assert.deepEqual(said.split('\n'), [FOURTEEN, FOURTEEN, '0000000000000000', '0000000000000000', '0', '2'])
  })

  test('a user has none of them', async () => {
    assert.deepEqual((await shell(['-u', '1000'], ['CapBnd', 'CapEff', 'CapAmb'].map(status).join(';'))).split('\n'), [
      FOURTEEN,
      '0000000000000000',
      '0000000000000000',
    ])
  })

  test('--cap-add and --cap-drop', async () => {
    assert.equal(await shell(['--cap-drop', 'ALL', '--cap-add', 'chown,NET_ADMIN'], status('CapBnd')), '0000000000001001')
    assert.equal(await shell(['--cap-drop', 'MKNOD'], 'mknod /n c 1 3 2>/dev/null || echo refused'), 'refused')
    // the filter opens what a capability is for
    const mount = 'mount -t tmpfs none /mnt 2>/dev/null && echo mounted || echo refused'
    assert.equal(await shell([], mount), 'refused')
    assert.equal(await shell(['--cap-add', 'SYS_ADMIN'], mount), 'mounted')
  })

  test('--privileged', async () => {
    const own = await shell(
      ['--privileged'],
      `${status('CapEff')}; ${status('Seccomp')}; grep -c " /proc/" /proc/self/mountinfo; echo 1 > /proc/sys/net/ipv4/ip_forward && echo written; ls /dev | wc -l`,
    )
    const [capabilities, seccomp, masks, written, devices] = own.split('\n')
    assert.ok(BigInt(`0x${capabilities}`) > BigInt(`0x${FOURTEEN}`))
    assert.deepEqual([seccomp, masks, written], ['0', '0', 'written'])
    assert.ok(Number(devices) > Number(await shell([], 'ls /dev | wc -l')))
    assert.match(await shell(['--privileged'], 'grep " /sys " /proc/self/mountinfo'), / \/sys rw,/)
  })

  test('--security-opt no-new-privileges', async () => {
    assert.equal(await shell(['--security-opt', 'no-new-privileges'], status('NoNewPrivs')), '1')
    assert.equal(await shell(['--security-opt', 'no-new-privileges:false'], status('NoNewPrivs')), '0')
  })

  test('--security-opt seccomp', async () => {
    assert.equal(await shell(['--security-opt', 'seccomp=unconfined'], status('Seccomp')), '0')
    const profile = wherry.file(
      'profile.json',
      JSON.stringify({
        defaultAction: 'SCMP_ACT_ALLOW',
        archMap: [
          { architecture: 'SCMP_ARCH_X86_64', subArchitectures: ['SCMP_ARCH_X86'] },
          { architecture: 'SCMP_ARCH_AARCH64', subArchitectures: [] },
        ],
        syscalls: [
          { names: ['mkdir', 'mkdirat'], action: 'SCMP_ACT_ERRNO', errno: 'ENOTTY' },
          { names: ['chmod', 'fchmodat', 'fchmod'], action: 'SCMP_ACT_ERRNO', errnoRet: 38, excludes: { caps: ['CAP_SYS_ADMIN'] } },
        ],
      }),
    )
    const script = 'mkdir /x 2>&1 | sed "s/.*: //"; chmod 755 /tmp && echo changed || echo refused'
    assert.equal(
      await shell(['--security-opt', `seccomp=${profile}`], `(${script}) 2>/dev/null`),
      'Inappropriate ioctl for device\nrefused',
    )
    assert.equal(
      await shell(['--security-opt', `seccomp=${profile}`, '--cap-add', 'SYS_ADMIN'], script),
      'Inappropriate ioctl for device\nchanged',
    )
    const bad = wherry.file('bad.json', '{"defaultAction": 5}')
    assert.match(
      await wherry.fails(['run', '--security-opt', `seccomp=${bad}`, IMAGE, 'true'], 125),
      /names a file that is no seccomp profile: profile\.defaultAction/,
    )
  })

  test('paths of the machine are masked or read-only, as --security-opt says', async () => {
    const masked = MASKED.filter((path) => existsSync(path))
    const see = `for path in ${masked.join(' ')}; do test -z "$(ls -A $path 2>/dev/null | grep -v "^$path$")" && test ! -s $path -o -d $path && echo $path; done`
    assert.deepEqual((await shell([], see)).split('\n'), masked)
    const write = `for path in ${READONLY.filter((path) => existsSync(path)).join(' ')}; do grep -q " $path ro," /proc/self/mountinfo && echo $path; done`
    assert.deepEqual(
      (await shell([], write)).split('\n'),
      READONLY.filter((path) => existsSync(path)),
    )
    assert.equal(await shell(['--security-opt', 'unmask=ALL'], `${write}; grep -c " /proc/" /proc/self/mountinfo; true`), '0')
    assert.equal(
      await shell(
        ['--security-opt', 'unmask=/proc/sys', '--security-opt', 'mask=/etc'],
        'grep -c " /proc/sys " /proc/self/mountinfo; ls /etc | wc -l',
      ),
      '0\n0',
    )
    assert.equal(await shell(['--security-opt', 'systempaths=unconfined'], 'grep -c " /proc/" /proc/self/mountinfo; true'), '0')
  })

  test('labels and AppArmor need a kernel that has them, and change nothing on another', async () => {
    const { status: exit } = await wherry.run([
      'run',
      '--rm',
      '--network',
      'none',
      '--security-opt',
      'label=disable',
      '--security-opt',
      'apparmor=unconfined',
      IMAGE,
      'true',
    ])
    assert.equal(exit, 0)
  })

  test('a home with control characters is not taken', async () => {
    await wherry.ok(
      'run',
      '--network',
      'none',
      '--name',
      'homes',
      IMAGE,
      'sh',
      '-c',
      'printf "evil:x:1234:1234::/home\\\\rX=1:/bin/sh\\n" >> /etc/passwd',
    )
    await wherry.ok('commit', 'homes', 'homes:1')
    const env = await wherry.ok(
      'run',
      '--rm',
      '--network',
      'none',
      '-u',
      '1234',
      'homes:1',
      'sh',
      '-c',
      'env | grep -c "^X="; echo "$HOME" | od -c | head -n 1',
    )
    assert.match(env, /^0\n/)
  })
})
