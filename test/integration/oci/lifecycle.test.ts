/** create, start, run, state, delete, and the states a container is in. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { shell } from '../../support/config.ts'
import { requires } from '../../support/requires.ts'
import { wherryOnly } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('create stops before the process is executed, start goes on, delete removes', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = shell('echo ran > /tmp/ran; exec sleep 100000')
  const created = await box.create()
  assert.equal(created.status, 'created')
  assert.ok(created.pid > 0)
  assert.ok(!existsSync(box.in('/tmp/ran')))
  await box.must('start', box.id)
  const running = await box.state()
  assert.deepEqual([running.status, running.pid], ['running', created.pid], 'the same process')
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  assert.equal((await box.state()).pid, 0)
  assert.equal(readFileSync(box.in('/tmp/ran'), 'utf8'), 'ran\n')
  await box.must('delete', box.id)
  box.assertNothingLeft()
})

test('state has the fields of the spec', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const state = await box.state()
  assert.match(state.ociVersion, /^1\.2\.\d/)
  assert.deepEqual([state.id, state.status, state.bundle, state.rootfs], [box.id, 'running', box.folder, box.rootfs])
  assert.match(state.created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z$/)
  assert.equal(readFileSync(`/proc/${state.pid}/comm`, 'utf8').trim(), 'sleep')
})

test('run passes on the status of the process, and deletes the container', { skip }, async (t) => {
  const box = bundle(t)
  for (const status of [0, 1, 7, 125, 255]) assert.equal((await box.run(shell(`exit ${status}`))).status, status)
  assert.equal((await box.run(shell('kill -TERM $$; sleep 5'))).status, 0, 'pid 1 has no handler: the signal is lost')
  box.assertNothingLeft()
})

test('a process that a signal ends has the status 128 + signal', { skip }, async (t) => {
  const box = bundle(t)
  box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== 'pid')
  assert.equal((await box.run(shell('kill -TERM $$; sleep 5'))).status, 128 + 15)
  assert.equal((await box.run(shell('kill -KILL $$'))).status, 128 + 9)
})

test('run --keep leaves a stopped container', { skip }, async (t) => {
  const box = bundle(t)
  assert.equal((await box.run(['true'], { flags: ['--keep'] })).status, 0)
  assert.equal((await box.state()).status, 'stopped')
  await box.must('delete', box.id)
})

test("stdin, stdout and stderr are the caller's", { skip }, async (t) => {
  const box = bundle(t)
  const result = await box.run(shell('head -n 1; echo out; echo err >&2'), { stdin: '/etc/passwd' })
  assert.deepEqual([result.stdout, result.stderr], [`${readFileSync('/etc/passwd', 'utf8').split('\n')[0]}\nout\n`, 'err\n'])
})

test('start is refused for what is not created', { skip }, async (t) => {
  const box = bundle(t)
  assert.match((await box.runtime(['start', box.id])).stderr, /container does not exist/)
  await box.up()
  assert.match((await box.runtime(['start', box.id])).stderr, /cannot start a(n already running)? container/)
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  assert.match((await box.runtime(['start', box.id])).stderr, /cannot start a container that has (run and )?stopped/)
})

test('an id is used once at a time', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  for (const verb of ['create', 'run']) {
    const result = await box.runtime([verb, '--bundle', box.folder, box.id])
    assert.equal(result.status, 1)
    assert.match(result.stderr, /container with given ID already exists/)
  }
  assert.equal((await box.state()).status, 'running')
  await box.must('delete', '--force', box.id)
  await box.up()
})

test('delete removes created and stopped containers, and running ones by force', { skip }, async (t) => {
  const box = bundle(t)
  box.config.process.args = ['sleep', '100000']
  await box.create()
  await box.must('delete', box.id)
  box.assertNothingLeft()
  await box.up()
  const refused = await box.runtime(['delete', box.id])
  assert.equal(refused.status, 1)
  assert.match(refused.stderr, /cannot delete container .* that is not stopped: running/)
  assert.equal((await box.state()).status, 'running')
  await box.must('delete', '--force', box.id)
  box.assertNothingLeft()
})

test('what does not exist cannot be deleted, unless by force', { skip }, async (t) => {
  const box = bundle(t)
  const result = await box.runtime(['delete', box.id])
  assert.equal(result.status, 1)
  assert.match(result.stderr, /container does not exist/)
  await box.must('delete', '--force', box.id)
})

test('unknown containers: every verb says so, with its status', { skip }, async (t) => {
  const box = bundle(t)
  for (const [args, status] of [
    [['state', box.id], 1],
    [['start', box.id], 1],
    [['kill', box.id, 'KILL'], 1],
    [['pause', box.id], 1],
    [['resume', box.id], 1],
    [['ps', box.id], 1],
    [['update', '--pids-limit', '5', box.id], 1],
    [['events', '--stats', box.id], 1],
    [['exec', box.id, 'true'], 255],
  ] as const) {
    const result = await box.runtime(args)
    assert.equal(result.status, status, args.join(' '))
    assert.match(result.stderr, /does not exist/, args.join(' '))
    assert.equal(result.stdout, '')
  }
})

test('many containers at once', { skip }, async (t) => {
  const boxes = Array.from({ length: 8 }, () => bundle(t))
  const outputs = await Promise.all(boxes.map((box, index) => box.probe(`hostname; echo ${index}; cat /proc/self/mountinfo | wc -l`)))
  assert.deepEqual(
    outputs.map((output) => output.split('\n')[1]),
    boxes.map((_, index) => String(index)),
  )
  for (const box of boxes) box.assertNothingLeft()
})

test("the folder of the state is root's alone", { skip: skip || wherryOnly('modes of its state') }, async (t) => {
  const box = bundle(t)
  await box.up()
  for (const path of [box.root, `${box.root}/${box.id}`]) assert.equal(statSync(path).mode & 0o777, 0o700, path)
})

test('--root separates containers', { skip }, async (t) => {
  const [one, other] = [bundle(t), bundle(t)]
  mkdirSync(other.root, { mode: 0o700 })
  await one.up()
  assert.equal((await other.must('list', '--quiet')).stdout, '')
  assert.equal((await one.must('list', '--quiet')).stdout, `${one.id}\n`)
})

test('an empty process.args and a bundle without config.json are refused', { skip }, async (t) => {
  const box = bundle(t)
  const missing = await box.runtime(['run', '--bundle', box.rootfs, box.id])
  box.assertRefusal(missing, /config\.json not found/)
  box.assertRefusal(await box.runtime(['run', '--bundle', `${box.folder}/none`, box.id]), /cannot find bundle.*ENOENT|no such file/)
  await box.refused(/process\.args/, [])
})

test('a container without a process is created, and ends when it is started', {
  skip: skip || wherryOnly('a config without process'),
}, async (t) => {
  const box = bundle(t)
  const { process: _, ...rest } = box.config
  writeFileSync(`${box.folder}/config.json`, JSON.stringify(rest))
  await box.must('create', '--bundle', box.folder, box.id)
  assert.equal((await box.state()).status, 'created')
  await box.must('start', box.id)
  await box.becomes('stopped')
})
