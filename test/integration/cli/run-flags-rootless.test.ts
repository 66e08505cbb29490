/** Flags of run for users without privileges: what works, and what is refused with the reason. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { WHERRY } from '../../support/cli.ts'
import { requiresFile } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { makeRootfs } from '../../support/rootfs.ts'
import { MARK } from '../../support/runtime.ts'

const USER = 12_347
const RANGE = 800_000

const skip = requires('root', 'busybox', 'public_checkout', 'newuidmap') || requiresFile('/etc/subuid') || requiresFile('/etc/subgid')

describe('flags of wherry run for users without privileges', { skip }, () => {
  let folder: string

  /** As that user, who has a range of ids, by files of the test's own. */
  const wherry = (...argv: readonly string[]) => {
    const script = `set -e; mount --bind "$0/passwd" /etc/passwd; mount --bind "$0/subid" /etc/subuid; mount --bind "$0/subid" /etc/subgid
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --inh-caps=-all "$@"`
    const { status, stdout, stderr } = spawnSync(
      'unshare',
      ['--mount', '--propagation', 'private', 'bash', '-c', script, folder, WHERRY, ...argv],
      {
        encoding: 'utf8',
        cwd: '/',
        env: { PATH: process.env['PATH'], HOME: folder, XDG_RUNTIME_DIR: `${folder}/run`, WHERRY_CONFIG: '/dev/null', WHERRY_TEST: MARK },
      },
    )
    return { status, stdout, stderr }
  }
  const shell = (flags: readonly string[], script: string): string => {
    const { status, stdout, stderr } = wherry('run', '--rm', '--network', 'none', ...flags, 'box', 'sh', '-c', script)
    assert.equal(status, 0, stderr)
    return stdout.trim()
  }
  const fails = (...flags: string[]): string => {
    const { status, stderr } = wherry('run', '--rm', '--network', 'none', ...flags, 'box', 'true')
    assert.equal(status, 125, stderr)
    return stderr
  }

  before(() => {
    folder = mkdtempSync(`${tmpdir()}/${MARK}-run-user-`)
    mkdirSync(`${folder}/run`, { mode: 0o700 })
    mkdirSync(`${folder}/image/bundle`, { recursive: true })
    makeRootfs(`${folder}/image/bundle/rootfs`)
    spawnSync('tar', ['-C', `${folder}/image/bundle/rootfs`, '-cf', `${folder}/box.tar`, '.'])
    for (const path of [folder, `${folder}/run`, `${folder}/box.tar`]) chownSync(path, USER, USER)
    writeFileSync(`${folder}/passwd`, `tester:x:${USER}:${USER}::/:/bin/sh\n${readFileSync('/etc/passwd', 'utf8')}`)
    writeFileSync(`${folder}/subid`, `tester:${RANGE}:70000\n`)
    const { status, stderr } = wherry('import', `${folder}/box.tar`, 'box:latest')
    assert.equal(status, 0, stderr)
  })
  after(() => removeTree(folder))

  test('root of the container is the user, others are of the range', () => {
    assert.equal(shell([], 'cat /proc/self/uid_map | tr -s " " | sed "s/^ //"'), `0 ${USER} 1\n1 ${RANGE} 70000`)
    assert.equal(shell(['-u', '1000', '--init'], 'id -u; echo $$'), '1000\n2')
  })

  test('mounts, devices, clocks and parameters are the container’s', () => {
    assert.equal(
      shell(['-v', 'own:/v', '--tmpfs', '/t', '--read-only'], 'touch /v/x /t/x && echo ok; touch /x 2>/dev/null || echo refused'),
      'ok\nrefused',
    )
    assert.equal(shell(['--device', '/dev/zero:/dev/nothing'], 'head -c 2 /dev/nothing | wc -c'), '2')
    assert.equal(
      shell(
        ['--sysctl', 'kernel.msgmax=99', '--time-offset', 'boottime=1000000'],
        'cat /proc/sys/kernel/msgmax; test $(cut -d. -f1 /proc/uptime) -gt 1000000 && echo shifted',
      ),
      '99\nshifted',
    )
    assert.equal(shell(['--mount', 'type=image,src=box,dst=/i'], 'ls /i/etc'), 'group\npasswd')
    assert.match(shell(['--privileged'], 'grep CapEff /proc/self/status'), /[1-9a-f]/)
  })

  test('namespaces of the machine can be shared', () => {
    const { status, stderr } = wherry(
      'run',
      '--rm',
      '--pid',
      'host',
      '--ipc',
      'host',
      '--uts',
      'host',
      '--cgroupns',
      'host',
      '--network',
      'host',
      'box',
      'true',
    )
    assert.equal(status, 0, stderr)
    assert.ok(Number(shell(['--pid', 'host'], 'ls -d /proc/[0-9]* | wc -l')) > 3)
  })

  test('what only root can do is said', () => {
    for (const mode of ['auto', 'keep-id'])
      assert.match(fails('--userns', mode), /only root can show an image's files with other ids \(idmapped mounts/, mode)
    assert.match(fails('-m', '64m'), /have the cgroup delegated to this user/)
  })
})
