/** Decisions about containers: when they are started again, how their state is told, how one leaves them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ContainerState } from '../../../../cli/containers/config.ts'
import { HEALTH_DEFAULTS, resolveHealth, resolveProcess } from '../../../../cli/containers/resolve-process.ts'
import { restartDelay, startsAtBoot } from '../../../../cli/containers/restart-policy.ts'
import { statusWords } from '../../../../cli/containers/status.ts'
import { formatTime, parseTime, timeNow } from '../../../../cli/containers/times.ts'
import { DetachFilter, parseDetachKeys } from '../../../../cli/wherry/foreground/detach-keys.ts'
import { configOf, NEW, requestOf } from '../../../support/home.ts'

const exited = (rest: Partial<ContainerState> = {}): ContainerState => ({
  ...NEW,
  phase: 'exited',
  started: '2026-01-01T00:00:00.000000000Z',
  finished: '2026-01-01T00:00:01.000000000Z',
  exitCode: 1,
  ...rest,
})

test('restart policies', () => {
  const delay = (restart: string, state: ContainerState) => restartDelay(configOf('x', { restart }), state)
  assert.equal(delay('no', exited()), undefined)
  assert.equal(delay('always', exited({ exitCode: 0 })), 100)
  assert.equal(delay('unless-stopped', exited({ exitCode: 0 })), 100)
  assert.equal(delay('on-failure', exited({ exitCode: 0 })), undefined)
  assert.equal(delay('on-failure', exited({ restarts: 1000 })), 100)
  assert.equal(delay('on-failure:3', exited({ restarts: 2 })), 100)
  assert.equal(delay('on-failure:3', exited({ restarts: 3 })), undefined)
  for (const restart of ['always', 'unless-stopped', 'on-failure']) {
    assert.equal(delay(restart, exited({ stoppedByUser: true })), undefined)
    assert.equal(delay(restart, exited({ suspended: true })), undefined)
  }
})

test('the wait doubles up to a minute, and begins anew after ten seconds up', () => {
  const config = configOf('x', { restart: 'always' })
  const waits: number[] = []
  let state = exited()
  for (let count = 0; count < 12; count++) {
    const backoff = restartDelay(config, state)!
    waits.push(backoff)
    state = { ...state, backoff }
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 60_000, 60_000])
  assert.equal(restartDelay(config, { ...state, finished: '2026-01-01T00:00:10.000000000Z' }), 100)
})

test('what comes back with the machine', () => {
  const boot = (restart: string, state: ContainerState) => startsAtBoot(configOf('x', { restart }), state)
  assert.equal(boot('always', exited({ stoppedByUser: true })), true)
  assert.equal(boot('unless-stopped', exited()), true)
  assert.equal(boot('unless-stopped', exited({ stoppedByUser: true })), false)
  assert.equal(boot('on-failure', exited()), false)
  assert.equal(boot('no', exited()), false)
  assert.equal(boot('always', NEW), false, 'never started')
})

test('states in docker’s words', () => {
  const now = new Date('2026-01-01T02:00:01Z')
  const words = (status: Parameters<typeof statusWords>[0], rest: Partial<ContainerState> = {}) => statusWords(status, exited(rest), now)
  assert.equal(words('created'), 'Created')
  assert.equal(words('running'), 'Up 2 hours')
  assert.equal(
    words('running', { started: '2026-01-01T01:57:01Z', health: { status: 'healthy', failures: 0, log: [] } }),
    'Up 3 minutes (healthy)',
  )
  assert.equal(words('running', { health: { status: 'starting', failures: 0, log: [] } }), 'Up 2 hours (health: starting)')
  assert.equal(words('paused'), 'Up 2 hours (Paused)')
  assert.equal(words('exited', { exitCode: 0 }), 'Exited (0) 2 hours ago')
  assert.equal(words('restarting', { finished: '2026-01-01T02:00:00Z' }), 'Restarting (1) 1 second ago')
})

test('times have nanoseconds', () => {
  assert.equal(formatTime(1_700_000_000_123_456_789n), '2023-11-14T22:13:20.123456789Z')
  assert.equal(formatTime(1_700_000_000_000_000_001n), '2023-11-14T22:13:20.000000001Z')
  assert.ok(Math.abs(parseTime(timeNow()) - Date.now()) < 60_000)
})

test('the process of an image, and what the user wants otherwise', () => {
  const image = {
    Entrypoint: ['/entry'],
    Cmd: ['arg'],
    Env: ['A=1'],
    ExposedPorts: ['80/tcp', '90-91/udp'],
    Volumes: ['/data', '/more'],
    StopSignal: 'SIGINT',
    User: 'app',
    WorkingDir: '/app',
    Labels: { a: 'b' },
  }
  const resolve = (flags = {}, args = ['image']) => resolveProcess(requestOf(flags, args), image, 'f'.repeat(64), () => 'machine').process
  const plain = resolve()
  assert.deepEqual([plain.args, plain.user, plain.cwd, plain.stopSignal], [['/entry', 'arg'], 'app', '/app', 2])
  assert.deepEqual(plain.exposed, ['80/tcp', '90/udp', '91/udp'])
  assert.deepEqual(plain.volumes, ['/data', '/more'])
  assert.ok(
    plain.env.includes('A=1') &&
      plain.env.includes('HOSTNAME=ffffffffffff') &&
      plain.env.some((entry) => entry.startsWith('PATH=/usr/local/sbin:')),
  )
  const other = resolve({ entrypoint: 'sh', user: '5', workdir: '/w', 'stop-signal': 'KILL', volume: ['/x:/data'], expose: ['7'] }, [
    'image',
    '-c',
    'x',
  ])
  assert.deepEqual([other.args, other.user, other.cwd, other.stopSignal, other.volumes], [['sh', '-c', 'x'], '5', '/w', 9, ['/more']])
  assert.ok(other.exposed.includes('7/tcp'))
  assert.ok(resolve({ network: ['host'] }).env.includes('HOSTNAME=machine'))
  assert.throws(() => resolveProcess({ ...requestOf({ rootfs: '/r' }, ['x']), command: [] }, undefined, 'f'.repeat(64), () => ''), {
    kind: 'invalid-argument',
    message: /no command: with --rootfs there is no image that names one/,
  })
})

test('health checks: the image’s, the user’s, none', () => {
  const none = requestOf().health
  assert.equal(resolveHealth(none, undefined), undefined)
  assert.equal(resolveHealth(none, { Test: ['NONE'] }), undefined)
  assert.deepEqual(resolveHealth(none, { Test: ['CMD', 'check', '-x'], Interval: 5e9, Retries: 2 }), {
    ...HEALTH_DEFAULTS,
    command: ['check', '-x'],
    interval: 5000,
    retries: 2,
  })
  assert.deepEqual(resolveHealth(none, { Test: ['CMD-SHELL', 'check'] })?.command, ['/bin/sh', '-c', 'check'])
  assert.deepEqual(resolveHealth(none, { Test: ['CMD-SHELL', 'check'] }, ['/bin/bash', '-ec'])?.command, ['/bin/bash', '-ec', 'check'])
  assert.equal(resolveHealth({ ...none, disabled: true }, { Test: ['CMD', 'check'] }), undefined)
  const own = resolveHealth({ ...none, command: 'mine', timeout: 10 }, { Test: ['CMD', 'check'], Timeout: 9e9 })
  assert.deepEqual([own?.command, own?.timeout], [['/bin/sh', '-c', 'mine'], 10])
})

test('keys to leave by', () => {
  assert.deepEqual([...parseDetachKeys('ctrl-p,ctrl-q')], [16, 17])
  assert.deepEqual([...parseDetachKeys('a,ctrl-@,ctrl-\\,DEL')], [97, 0, 28, 127])
  assert.deepEqual([...parseDetachKeys('')], [])
  for (const keys of ['ctrl-', 'ctrl-1', 'ab', 'a,,b', 'ä'])
    assert.throws(() => parseDetachKeys(keys), { kind: 'invalid-argument', message: /is no key/ })
})

test('they are found however the bytes come, and what only began like them is passed on', () => {
  const keys = parseDetachKeys('ctrl-p,ctrl-q')
  const all = (...pieces: readonly (readonly number[])[]) => {
    const filter = new DetachFilter(keys)
    const passed: number[] = []
    for (const piece of pieces) {
      const { pass, detached } = filter.push(Uint8Array.from(piece))
      passed.push(...pass)
      if (detached) return { passed, detached }
    }
    return { passed, detached: false }
  }
  assert.deepEqual(all([1, 16, 17, 2]), { passed: [1], detached: true })
  assert.deepEqual(all([1, 16], [17]), { passed: [1], detached: true })
  assert.deepEqual(all([16, 1], [17]), { passed: [16, 1, 17], detached: false })
  assert.deepEqual(all([16, 16, 17]), { passed: [16], detached: true })
  assert.deepEqual(all([16], [16], [2]), { passed: [16, 16, 2], detached: false })
  assert.deepEqual(new DetachFilter(parseDetachKeys('')).push(Uint8Array.from([16, 17])), {
    pass: Uint8Array.from([16, 17]),
    detached: false,
  })
})
