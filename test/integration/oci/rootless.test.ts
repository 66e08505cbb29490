/** A user without privileges: one id mapped without help, ranges with newuidmap(1) and newgidmap(1). */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { type Bundle, bundle, succeeded } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { requiresFile } from '../../support/machine.ts'
import { inPrivateMounts } from '../../support/private-mounts.ts'
import { requires } from '../../support/requires.ts'
import { command, type Result, RUNTIME, wherryOnly } from '../../support/runtime.ts'

/** A user of no password database. */
const USER = 12_345

const AS_USER = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups', '--inh-caps=-all']

const skip =
  requires('root', 'busybox') ||
  wherryOnly('users without a name, in folders of their own') ||
  (spawnSync('setpriv', [...AS_USER, RUNTIME, '--version']).status === 0 ? false : 'requires a checkout that other users may read')
/** First id of the ranges that the user is given. */
const RANGE = 700_000

const rootless = (t: Parameters<typeof bundle>[0]): Bundle =>
  bundle(t, ({ linux }, made) => {
    linux.namespaces.push({ type: 'user' })
    linux.uidMappings = [{ containerID: 0, hostID: USER, size: 1 }]
    linux.gidMappings = [{ containerID: 0, hostID: USER, size: 1 }]
    delete linux.cgroupsPath
    made.own(USER)
    chownSync(made.folder, USER, USER)
    mkdirSync(made.root, { mode: 0o700 })
    chownSync(made.root, USER, USER)
  })

const as = (box: Bundle, ...args: string[]): Promise<Result> => {
  box.write()
  return command(['setpriv', ...AS_USER, RUNTIME, '--root', box.root, ...args], box.folder, {
    env: { WHERRY_TEST: box.id, XDG_RUNTIME_DIR: box.folder },
  })
}

test('run, as root of a user namespace that maps one id', { skip }, async (t) => {
  const box = rootless(t)
  box.config.hostname = 'rootless'
  box.config.process.args = shell(
    'id -u; tr -s " " < /proc/self/uid_map; cat /proc/self/setgroups; hostname; touch /tmp/mine; ls /dev/null; mount -t tmpfs t /mnt && echo mounted',
  )
  box.config.process.capabilities = { bounding: ['CAP_SYS_ADMIN'], effective: ['CAP_SYS_ADMIN'], permitted: ['CAP_SYS_ADMIN'] }
  const { stdout } = succeeded(await as(box, 'run', '--bundle', box.folder, box.id), 'run')
  assert.equal(stdout, `0\n 0 ${USER} 1\ndeny\nrootless\n/dev/null\nmounted\n`)
  assert.equal(statSync(box.in('/tmp/mine')).uid, USER)
  assert.deepEqual(box.known, [])
})

test('create, start, exec, kill and delete', { skip }, async (t) => {
  const box = rootless(t)
  box.config.process.args = ['sleep', '100000']
  succeeded(await as(box, 'create', '--bundle', box.folder, box.id), 'create')
  succeeded(await as(box, 'start', box.id), 'start')
  const state = JSON.parse(succeeded(await as(box, 'state', box.id), 'state').stdout) as { pid: number; status: string }
  assert.equal(state.status, 'running')
  assert.match(readFileSync(`/proc/${state.pid}/status`, 'utf8'), new RegExp(`^Uid:\t${USER}\t`, 'm'))
  assert.equal(succeeded(await as(box, 'exec', box.id, 'id', '-u'), 'exec').stdout, '0\n')
  assert.match(succeeded(await as(box, 'list'), 'list').stdout, new RegExp(`${box.id} .* ${USER}\n$`))
  succeeded(await as(box, 'kill', box.id, 'KILL'), 'kill')
  succeeded(await as(box, 'delete', '--force', box.id), 'delete')
  box.assertNothingLeft()
})

test('more than one id needs newuidmap and the ranges of /etc/subuid', {
  skip: skip || requires('newuidmap'),
}, async (t) => {
  const box = rootless(t)
  box.config.linux.uidMappings!.push({ containerID: 1, hostID: 100_000, size: 10 })
  box.config.process.args = ['true']
  const result = await as(box, 'run', '--bundle', box.folder, box.id)
  assert.equal(result.status, 1)
  assert.match(result.stderr, /newuidmap .*12345 1 1 100000 10.*\/etc\/subuid/)
  assert.deepEqual(box.known, [])
})

/** Ranges for the user, where nobody else sees them. */
const WITH_RANGES = `
  { echo "tester:x:${USER}:${USER}::/:/bin/sh"; cat /etc/passwd; } > "$BUNDLE/passwd"
  echo "tester:${RANGE}:1000" > "$BUNDLE/subid"
  mount --bind "$BUNDLE/passwd" /etc/passwd; mount --bind "$BUNDLE/subid" /etc/subuid; mount --bind "$BUNDLE/subid" /etc/subgid
  exec setpriv ${AS_USER.join(' ')} "$RUNTIME" --root "$STATE" run --bundle "$BUNDLE" "$ID"
`

test('ranges are mapped with newuidmap and newgidmap', {
  skip: skip || requires('newuidmap') || requiresFile('/etc/subuid') || requiresFile('/etc/subgid'),
}, async (t) => {
  const box = rootless(t)
  const range = { containerID: 1, hostID: RANGE, size: 1000 }
  box.config.linux.uidMappings!.push(range)
  box.config.linux.gidMappings!.push(range)
  box.config.process.user = { uid: 5, gid: 6, additionalGids: [7] }
  box.config.process.args = shell('id -u; id -G; cat /proc/self/setgroups; touch /tmp/mine')
  assert.equal(await inPrivateMounts(box, WITH_RANGES), '5\n6 7\nallow')
  assert.equal(statSync(box.in('/tmp/mine')).uid, RANGE + 4)
})
