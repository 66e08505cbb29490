/** What containers, volumes and images take and keep: system df, system prune, image prune, rmi, info, migrate, doctor. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, rmSync, utimesSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { cells } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let w: Containers

before(async () => {
  if (skip) return
  w = await Containers.open()
  await w.start('up', ['sleep', '1000'], ['-v', 'kept:/data'])
  await w.ok(
    'run',
    '--name',
    'down',
    '--network',
    'none',
    '-v',
    '/anonymous',
    'busybox',
    'dd',
    'if=/dev/zero',
    'of=/file',
    'bs=1M',
    'count=3',
  )
  await w.ok('run', '--rm', '--network', 'none', '-v', 'loose:/data', 'busybox', 'dd', 'if=/dev/zero', 'of=/data/file', 'bs=1M', 'count=2')
})
after(async () => await w?.close())

const row = async (type: string): Promise<readonly string[]> =>
  cells(await w.ok('system', 'df')).find(([first]) => first === type) ?? assert.fail(`no row ${type}`)

test('system df counts containers and volumes, and what could go', { skip }, async () => {
  const [, total, active, size, reclaimable] = await row('Containers')
  assert.deepEqual([total, active], ['2', '1'])
  assert.ok(Number.parseFloat(size!) >= 3.1 && size!.endsWith('MB'), size)
  assert.match(reclaimable!, /^3\.\d+MB \(9\d%\)$/)
  const volumes = await row('Local Volumes')
  assert.deepEqual(volumes.slice(1, 3), ['3', '2'])
  assert.match(volumes[4]!, /^2\.1\d?MB \(9\d%\)$/)
  const { Containers: containers, Volumes: named } = JSON.parse(await w.ok('system', 'df', '-v', '--format', 'json')) as Record<
    string,
    Record<string, string>[]
  >
  assert.deepEqual(
    containers!.map(({ Names }) => Names),
    ['down', 'up'],
  )
  assert.deepEqual(
    named!.filter(({ Name }) => Name!.length < 10).map(({ Name, Links }) => [Name, Links]),
    [
      ['kept', '1'],
      ['loose', '0'],
    ],
  )
})

test('what containers use is not removed', { skip }, async () => {
  assert.match(await w.fails(['rmi', 'busybox']), /container/)
  await w.ok('image', 'prune', '--all', '--force')
  assert.match(await w.ok('images'), /busybox/)
  await w.ok('rmi', '--force', 'busybox')
  await w.ok('image', 'prune', '--all', '--force')
  // its layers stay for as long as it is there
  await w.ok('restart', '--time', '0', 'up')
  assert.equal((await w.ok('exec', 'up', 'echo', 'alive')).trim(), 'alive')
})

test('info and migrate tell of containers; doctor of the machine', { skip }, async () => {
  const info = JSON.parse(await w.ok('info', '--format', 'json')) as Record<string, unknown>
  assert.deepEqual(
    ['Containers', 'ContainersRunning', 'ContainersPaused', 'ContainersStopped'].map((key) => info[key]),
    [2, 1, 0, 1],
  )
  assert.match(await w.ok('system', 'migrate'), /^nothing to do: 2 containers and 0 images are of version 1$/m)
  const checks = JSON.parse((await w.run(['doctor', '--format', 'json'])).stdout) as { name: string; status: string }[]
  assert.ok(checks.some(({ name, status }) => name === 'overlay' && status === 'ok'))
  const { status } = await w.run(['doctor'])
  assert.equal(status, checks.some((check) => check.status === 'missing') ? 1 : 0)
})

test('system prune removes what does not run, and volumes only where they are named', { skip }, async () => {
  assert.match(await w.fails(['system', 'prune', '--volumes', '--filter', 'until=1h']), /do not go together/)
  const first = await w.ok('system', 'prune', '--force')
  assert.match(first, /Deleted Containers:\n[0-9a-f]{64}\n\n/)
  assert.match(first, /Total reclaimed space: 3\.\d+MB/)
  assert.deepEqual((await w.ok('ps', '--all', '--format', '{{.Names}}')).trim().split('\n'), ['up'])
  assert.equal((await w.ok('volume', 'ls', '-q')).trim().split('\n').length, 3)
  assert.match(await w.ok('system', 'prune', '--force', '--volumes'), /Deleted Volumes:\n[0-9a-f]{64}\n/)
  assert.deepEqual((await w.ok('volume', 'ls', '-q')).trim().split('\n'), ['kept', 'loose'])
  assert.ok(existsSync(`${w.root}/volumes/loose/_data/file`))
  await w.ok('commit', '--quiet', 'up', 'unused')
  assert.match(await w.ok('system', 'prune', '--force', '--all'), /Untagged: unused:latest/)
})

test('system check takes no layer away that is mounted, and ends leases of containers that are gone', { skip }, async () => {
  const own = await Containers.open()
  try {
    const id = await own.start('user', ['sleep', '1000'])
    const layers = `${own.root}/layers/sha256`
    const [layer] = readdirSync(layers)
    rmSync(`${layers}/${layer}/root/etc/passwd`)
    const held = await own.run(['system', 'check', '--repair'])
    assert.equal(held.status, 1)
    assert.match(held.stdout, /^layer: .*: it is mounted: stop the containers that use it, then repair$/m)
    assert.deepEqual(readdirSync(layers), [layer])
    await own.ok('rm', '--force', 'user')
    assert.match((await own.run(['system', 'check', '--repair'])).stdout, /^layer: /m)
    assert.deepEqual(readdirSync(layers), [])
    await own.ok('run', '--name', 'gone', '--network', 'none', 'busybox', 'true')
    const gone = (await own.ok('ps', '-aq', '--no-trunc')).trim()
    assert.notEqual(gone, id)
    rmSync(`${own.root}/containers/${gone}`, { recursive: true })
    const lease = `${own.root}/leases/kept-container:${gone}`
    utimesSync(lease, 0, 0) // a young one may be of a container that is just being made
    await own.ok('system', 'check', '--repair')
    assert.ok(!existsSync(lease))
  } finally {
    await own.close()
  }
})

test('an image that was removed while containers used it goes with the last of them', { skip }, async () => {
  const own = await Containers.open()
  try {
    await own.start('user', ['sleep', '1000'])
    await own.ok('create', '--name', 'idle', '--network', 'none', 'busybox', 'true')
    const there = () => ['blobs', 'layers'].map((kind) => readdirSync(`${own.root}/${kind}/sha256`).length)
    const before = there()
    await own.ok('rmi', '--force', 'busybox')
    assert.deepEqual(there(), before)
    await own.ok('rm', '--force', 'user')
    assert.deepEqual(there(), before, 'another container uses it')
    await own.ok('rm', 'idle')
    assert.deepEqual(there(), [0, 0])
  } finally {
    await own.close()
  }
})
