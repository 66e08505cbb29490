import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { readHealth } from '../../../cli/containers/health.ts'
import { readContainer } from '../../../cli/containers/store.ts'
import { Containers } from '../../support/cli-containers.ts'
import { requires } from '../../support/requires.ts'

const LONGEST = 60_000

describe('health checks', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const roots = () => ({ root: wherry.root, runRoot: wherry.path('run') })
  const healthOf = (id: string) => readHealth(roots(), readContainer(roots(), id)!)

  const until = async (id: string, status: string): Promise<void> => {
    for (const end = Date.now() + LONGEST; healthOf(id)?.status !== status; await setTimeout(50))
      assert.ok(Date.now() < end, `${status}: ${JSON.stringify(healthOf(id))}`)
  }

  const check = (name: string, command: string, ...flags: string[]): Promise<string> =>
    wherry.start(name, ['sleep', '1000'], ['--health-cmd', command, '--health-interval', '200ms', ...flags])

  test('starting, unhealthy after the retries, healthy after one success; with events, and seen by ps', async () => {
    const id = await check('changing', 'echo looked; test -e /tmp/well', '--health-retries', '2')
    assert.equal(healthOf(id)?.status, 'starting')
    await until(id, 'unhealthy')
    const { failures, log } = healthOf(id)!
    assert.ok(failures >= 2)
    assert.equal(log.at(-1)!.exitCode, 1)
    assert.equal(log.at(-1)!.output, 'looked\n')
    assert.match(await wherry.ok('ps', '--format', '{{.Status}}', '--filter', 'health=unhealthy'), /^Up .* \(unhealthy\)\n$/)
    await wherry.ok('exec', 'changing', 'touch', '/tmp/well')
    await until(id, 'healthy')
    assert.equal(healthOf(id)!.failures, 0)
    const events = await wherry.ok('events', '--since', '1h', '--until', '0s', '-f', 'event=health_status', '--format', '{{.Action}}')
    assert.deepEqual(events.trimEnd().split('\n'), ['health_status: unhealthy', 'health_status: healthy'])
    // no more than five are kept
    await setTimeout(2500)
    assert.equal(healthOf(id)!.log.length, 5)
  })

  test('failures do not count while it starts up', async () => {
    const flags = ['--health-retries', '1', '--health-start-period', '5m', '--health-start-interval', '100ms', '--health-interval', '1h']
    const id = await check('slow', 'test -e /tmp/well', ...flags)
    for (const end = Date.now() + LONGEST; (healthOf(id)?.log.length ?? 0) < 2; await setTimeout(50)) assert.ok(Date.now() < end)
    assert.equal(healthOf(id)!.status, 'starting')
    assert.equal(healthOf(id)!.failures, 0)
    await wherry.ok('exec', 'slow', 'touch', '/tmp/well')
    await until(id, 'healthy')
  })

  test('one that takes too long is ended, with what it has started', async () => {
    const id = await check(
      'hanging',
      'sleep 777 & sleep 778',
      '--health-timeout',
      '200ms',
      '--health-retries',
      '1',
      '--health-interval',
      '500ms',
    )
    await until(id, 'unhealthy')
    const last = healthOf(id)!.log.at(-1)!
    assert.deepEqual([last.exitCode, last.output], [-1, 'Health check exceeded timeout (0.2s)'])
    // between two checks nothing of them is there
    for (const end = Date.now() + LONGEST; /sleep 77/.test(await wherry.ok('top', 'hanging')); ) assert.ok(Date.now() < end)
  })

  test('hostile: a flood of output is kept to 4096 bytes', async () => {
    const id = await check('flood', 'yes | head -c 3000000')
    await until(id, 'healthy')
    assert.equal(healthOf(id)!.log[0]!.output.length, 4096)
  })

  test('a paused container is not checked, one that has ended and is started again begins anew', async () => {
    const id = await check('pausing', 'true')
    await until(id, 'healthy')
    await wherry.ok('pause', 'pausing')
    await setTimeout(500)
    const last = healthOf(id)!.log.at(-1)!.end
    await setTimeout(1500)
    assert.equal(healthOf(id)!.log.at(-1)!.end, last)
    await wherry.ok('unpause', 'pausing')
    for (const end = Date.now() + LONGEST; healthOf(id)!.log.at(-1)!.end === last; await setTimeout(50)) assert.ok(Date.now() < end)
    await wherry.ok('kill', 'pausing')
    await wherry.ok('wait', 'pausing')
    await wherry.ok('start', 'pausing')
    assert.notEqual(healthOf(id)!.log.at(-1)?.end, last)
    await until(id, 'healthy')
  })

  test('none without a command, or with --no-healthcheck', async () => {
    const id = await wherry.start('plain', ['sleep', '1000'], ['--no-healthcheck'])
    assert.equal(healthOf(id), undefined)
    assert.doesNotMatch(await wherry.ok('ps', '--filter', 'name=plain', '--format', '{{.Status}}'), /health/)
  })
})
