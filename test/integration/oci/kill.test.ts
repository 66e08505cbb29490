/** kill, pause and resume. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { bundle } from '../../support/bundle.ts'
import { processesOf } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { OURS } from '../../support/runtime.ts'

const skip = requires('root', 'busybox')

test('signals by name, with and without SIG, and by number', { skip }, async (t) => {
  const box = bundle(t)
  await box.up('for s in HUP USR1 USR2 TERM WINCH; do trap "echo $s >> /tmp/got" $s; done; touch /tmp/ready; while :; do sleep 0.05; done')
  await box.inside('while [ ! -e /tmp/ready ]; do sleep 0.05; done')
  const wait = (count: number) => box.inside(`while [ "$(cat /tmp/got 2>/dev/null | wc -l)" -lt ${count} ]; do sleep 0.05; done`)
  for (const [index, signal] of ['HUP', 'SIGUSR1', '12', 'winch'].entries()) {
    await box.must('kill', box.id, signal)
    await wait(index + 1)
  }
  await box.must('kill', box.id) // TERM
  await wait(5)
  assert.equal(await box.inside('echo $(cat /tmp/got)'), 'HUP USR1 USR2 WINCH TERM')
  for (const signal of ['NOSUCH', '99', '-1', '']) {
    const result = await box.runtime(['kill', box.id, signal])
    if (signal !== '') assert.equal(result.status, 1, signal)
  }
})

test('KILL ends it; what has stopped is not running', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  await box.must('kill', box.id, '9')
  await box.becomes('stopped')
  const again = await box.runtime(['kill', box.id, '0'])
  assert.equal(again.status, 1)
  assert.match(again.stderr, /container not running/)
  await box.must('kill', '--all', box.id, '0')
})

test('a created container ends by signals that would end it', { skip }, async (t) => {
  for (const signal of ['TERM', 'KILL', 'INT']) {
    const box = bundle(t)
    await box.create()
    await box.must('kill', box.id, signal)
    if (OURS || signal === 'KILL') await box.becomes('stopped') // elsewhere pid 1 ignores the others
    await box.must('delete', '--force', box.id)
    box.assertNothingLeft()
  }
})

test("with the host's pid namespace all processes end, even when init has gone", { skip }, async (t) => {
  const box = bundle(t)
  box.config.linux.namespaces = box.config.linux.namespaces.filter(({ type }) => type !== 'pid')
  await box.up('sleep 100000 & sleep 100000 & exec sleep 100000')
  await box.must('exec', '--detach', box.id, 'sleep', '100000')
  assert.equal((JSON.parse((await box.must('ps', '-f', 'json', box.id)).stdout) as unknown[]).length, 4)
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  assert.deepEqual(processesOf(box.id), [])
  await box.must('delete', box.id)
  const other = bundle(t)
  other.config.linux.namespaces = box.config.linux.namespaces
  await other.up('sleep 100000 & exit 0')
  await other.becomes('stopped')
  await other.must('kill', '--all', other.id, 'KILL')
  await other.must('delete', '--force', other.id)
  other.assertNothingLeft()
})

test("in a pid namespace that is shared only the container's processes end", { skip }, async (t) => {
  const first = bundle(t)
  const { pid } = await first.up()
  const second = bundle(t)
  second.config.linux.namespaces = second.config.linux.namespaces.map((one) =>
    one.type === 'pid' ? { type: 'pid', path: `/proc/${pid}/ns/pid` } : one,
  )
  await second.up('sleep 100000 & exec sleep 100000')
  assert.equal((await first.inside('ls /proc | grep -c "^[1-9]"')) >= '3', true)
  await second.must('kill', second.id, 'KILL')
  await second.becomes('stopped')
  assert.deepEqual(processesOf(second.id), [])
  assert.equal((await first.state()).status, 'running')
})

test('pause stops all processes, resume lets them go on', { skip }, async (t) => {
  const box = bundle(t)
  await box.up('while :; do echo x >> /tmp/ticks; sleep 0.02; done')
  await box.must('pause', box.id)
  assert.equal((await box.state()).status, 'paused')
  const v1 = layout().hierarchies.has('freezer')
  assert.match(readFileSync(v1 ? `${box.cgroup('freezer')}/freezer.state` : `${box.cgroup('')}/cgroup.events`, 'utf8'), /FROZEN|frozen 1/)
  const size = () => readFileSync(box.in('/tmp/ticks'), 'utf8').length
  const before = size()
  await new Promise((resolve) => setTimeout(resolve, 200))
  assert.equal(size(), before)
  const exec = await box.exec(['true'])
  assert.equal(exec.status, 255)
  assert.match(exec.stderr, /cannot exec in a paused container/)
  await box.must('resume', box.id)
  assert.equal((await box.state()).status, 'running')
  await box.inside(`while [ "$(cat /tmp/ticks | wc -c)" -le ${before} ]; do sleep 0.02; done`)
})

test('exec --ignore-paused waits until the container is resumed', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  await box.must('pause', box.id)
  const waiting = box.exec(['echo', 'resumed'], { flags: ['--ignore-paused'] })
  await new Promise((resolve) => setTimeout(resolve, 300))
  await box.must('resume', box.id)
  assert.equal((await waiting).stdout, 'resumed\n')
})

test('pause and resume want the other state', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  const resume = await box.runtime(['resume', box.id])
  assert.equal(resume.status, 1)
  await box.must('pause', box.id)
  const pause = await box.runtime(['pause', box.id])
  assert.equal(pause.status, 1)
  if (!OURS) return
  assert.match(resume.stderr, /container not paused/)
  assert.match(pause.stderr, /not running or created: paused/)
})

test('a paused container is killed, and deleted by force', { skip }, async (t) => {
  const box = bundle(t)
  await box.up()
  await box.must('pause', box.id)
  await box.must('kill', box.id, 'KILL')
  await box.becomes('stopped')
  await box.must('delete', box.id)
  await box.up()
  await box.must('pause', box.id)
  await box.must('delete', '--force', box.id)
  box.assertNothingLeft()
})
