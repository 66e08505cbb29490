/** The network of containers of a user who is not root: pasta, in a network namespace of the test's own. */
import assert from 'node:assert/strict'
import { chmodSync, chownSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { WHERRY } from '../../support/cli.ts'
import { MACHINE, NetworkedWherry } from '../../support/private-network.ts'
import { requiresFile } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'
import { command, MARK, type Result } from '../../support/runtime.ts'

const USER = 12_346
const RANGE = 800_000

const skip =
  requires('root', 'public_checkout', 'newuidmap', 'pasta', 'busybox') ||
  requiresFile('/etc/subuid') ||
  requiresFile('/etc/subgid') ||
  requiresFile('/dev/net/tun')

describe('networks without root', { skip }, () => {
  let network: NetworkedWherry
  let rootfs: string

  before(() => {
    network = new NetworkedWherry()
    chmodSync(network.folder, 0o755)
    for (const name of ['user', 'user/run']) {
      mkdirSync(network.path(name), { mode: 0o700 })
      chownSync(network.path(name), USER, USER)
    }
    rootfs = network.path('user/rootfs')
    cpSync(network.rootfs, rootfs, { recursive: true, verbatimSymlinks: true })
    execFileSync('chown', ['-R', `${USER}:${USER}`, rootfs])
    network.file('passwd', `tester:x:${USER}:${USER}::/:/bin/sh\n${readFileSync('/etc/passwd', 'utf8')}`)
    network.file('subid', `tester:${RANGE}:65536\n`)
    // what udev gives to everybody, some machines keep to root
    execFileSync('mknod', ['-m', '666', network.path('tun'), 'c', '10', '200'])
    execFileSync('mknod', ['-m', '600', network.path('closed'), 'c', '10', '200'])
    writeFileSync(network.path('enter'), SCRIPT, { mode: 0o755 })
  })
  after(() => network.close())

  const SCRIPT = `#!/bin/bash
set -e
folder=$1 tun=$2; shift 2
mount --bind $folder/passwd /etc/passwd; mount --bind $folder/subid /etc/subuid; mount --bind $folder/subid /etc/subgid
mount --bind $folder/$tun /dev/net/tun
exec setpriv --reuid ${USER} --regid ${USER} --clear-groups --inh-caps=-all "$@"
`

  const wherry = (argv: readonly string[], { tun = 'tun', path = process.env['PATH']! } = {}): Promise<Result> => {
    const netns = `--net=/proc/${process.pid}/fd/${network.machine}`
    const enter = ['unshare', '--mount', '--propagation', 'private', network.path('enter'), network.folder, tun]
    const env = {
      PATH: path,
      HOME: network.path('user'),
      XDG_RUNTIME_DIR: network.path('user/run'),
      WHERRY_CONFIG: '/dev/null',
      WHERRY_TEST: MARK,
    }
    return command(
      ['nsenter', netns, ...enter, 'env', ...Object.entries(env).map(([name, value]) => `${name}=${value}`), WHERRY, ...argv],
      network.folder,
      {
        cwd: '/',
      },
    )
  }

  const pastas = (): string[] =>
    readdirSync('/proc').filter((pid) => {
      try {
        return (
          /^\d+$/.test(pid) &&
          readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(network.folder) &&
          readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('pasta')
        )
      } catch {
        return false // it has gone
      }
    })

  test('a container has the machine’s addresses, and its ports are the machine’s', async () => {
    const script = 'ip -4 -o address; busybox httpd -p 80 -h /etc; until [ -e /tmp/end ]; do sleep 0.1; done'
    const running = wherry(['run', '--rm', '-p', '8080:80', '--rootfs', rootfs, 'sh', '-c', script])
    const fetch = (): Promise<string> => network.beside(['busybox', 'wget', '-qO-', `http://${MACHINE}:8080/group`], network.world)
    let said = ''
    for (let attempt = 0; attempt < 60 && !said.includes('root'); attempt++) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      said = await fetch()
    }
    const ps = await wherry(['ps', '--format', '{{.Names}} {{.Ports}}'])
    const [name, ports] = ps.stdout.trim().split(/ (.*)/s)
    assert.equal(ports, '0.0.0.0:8080->80/tcp, [::]:8080->80/tcp', ps.stderr)
    assert.equal((await wherry(['port', name!])).stdout, '80/tcp -> 0.0.0.0:8080\n80/tcp -> [::]:8080\n')
    writeFileSync(`${rootfs}/tmp/end`, '')
    assert.match(said, /^root:x:0:/m)
    const { status, stdout, stderr } = await running
    assert.equal(status, 0, stderr)
    assert.match(stdout, /inet 192\.0\.2\.1\/24/)
    assert.deepEqual(pastas(), [], 'it ends with the container')
    assert.doesNotMatch(await network.beside(['ss', '-lnt']), /:8080/)
  })

  test('what is missing is named, and what needs root', async () => {
    const refused: readonly (readonly [readonly string[], RegExp, Parameters<typeof wherry>[1]?])[] = [
      [['--network', 'other'], /--network other needs root of the machine/],
      [['--ip', '10.1.1.1'], /--ip needs root of the machine/],
      [[], /\/dev\/net\/tun, .*may not be opened by you/, { tun: 'closed' }],
    ]
    for (const [flags, reason, options] of refused) {
      const { status, stderr } = await wherry(['run', '--rm', ...flags, '--rootfs', rootfs, 'true'], options)
      assert.equal(status, 125, stderr)
      assert.match(stderr, reason)
    }
    const folder = network.path('programs')
    mkdirSync(folder)
    for (const name of ['newuidmap', 'newgidmap', 'sh', 'dirname', 'readlink', 'env', 'setpriv', 'mount', 'bash'])
      execFileSync('sh', ['-c', `ln -s "$(command -v ${name})" ${folder}/`])
    const { status, stderr } = await wherry(['run', '--rm', '--rootfs', rootfs, 'true'], { path: folder })
    assert.equal(status, 125, stderr)
    assert.match(stderr, /need pasta, which is not there: install it \(Debian's package passt\)/)
  })
})
