/** CVE-2024-25621, CVE-2020-15257: others on the host get at the state, or at sockets that everybody in a network namespace reaches. */
import assert from 'node:assert/strict'
import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle, type Bundle, succeeded } from '../support/bundle.ts'
import { requires } from '../support/requires.ts'
import { command, RUNTIME, wherryOnly } from '../support/runtime.ts'

const skip = requires('root', 'busybox') || wherryOnly('the state')

/** Modes of a folder and of all in it, by name. */
const modes = (folder: string): Map<string, string> =>
  new Map(
    ['', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })].map((name) => [
      name,
      (lstatSync(`${folder}/${name}`).mode & 0o777).toString(8),
    ]),
  )

const assertClosed = (box: Bundle): void => {
  const found = modes(box.root)
  assert.equal(found.get(''), '700')
  for (const [name, mode] of found) if (lstatSync(`${box.root}/${name}`).isDirectory()) assert.equal(mode, '700', name)
}

test('every folder of the state is closed to others, whatever the umask', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['keyctl'], action: 'SCMP_ACT_ERRNO' }] }
  })
  box.config.process.args = ['sleep', '100000']
  box.write()
  const create = ['sh', '-c', 'umask 0; exec "$@"', 'sh', RUNTIME, '--root', box.root, 'create', '--bundle', box.folder, box.id]
  succeeded(await command(create, box.folder), 'create')
  assertClosed(box)
  await box.must('start', box.id)
  assertClosed(box)
  const other = await command(
    ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'cat', `${box.root}/${box.id}/state.json`],
    '/tmp',
  )
  assert.match(other.stderr, /Permission denied/)
})

test('a folder that was open before is closed', { skip }, async (t) => {
  const box = bundle(t)
  mkdirSync(box.root)
  chmodSync(box.root, 0o777)
  await box.create()
  assertClosed(box)
})

test('no socket is in the abstract namespace', { skip }, async (t) => {
  const names = () =>
    readFileSync('/proc/net/unix', 'utf8')
      .split('\n')
      .map((line) => line.split(' ').at(-1)!)
      .filter((name) => name.startsWith('@'))
  const before = new Set(names())
  const box = bundle(t)
  await box.create()
  assert.deepEqual(
    names().filter((name) => !before.has(name) && /wherry|runc|oci|container/i.test(name)),
    [],
  )
})

test('start takes its orders from a socket that only the owner of the state reaches', { skip }, async (t) => {
  const box = bundle(t)
  await box.create()
  const socket = `${box.root}/${box.id}/start.sock`
  assert.ok(lstatSync(socket).isSocket())
  const words = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', 'stat', socket]
  assert.match((await command(words, '/tmp')).stderr, /Permission denied/)
})
