import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { checkConsole } from '../../../cli/oci/console-rules.ts'
import { FORWARDED } from '../../../cli/oci/foreground/signals.ts'
import { exitStatus } from '../../../cli/oci/foreground/reaper.ts'
import { parseSignal } from '../../../cli/oci/kill.ts'
import { checkPreservedFds, listenFds } from '../../../cli/oci/preserved-fds.ts'
import { resourcesOfFlags } from '../../../cli/oci/resources.ts'
import { asksForTerminal } from '../../../cli/oci/wants-terminal.ts'
import { giveLaunch, takeLaunch } from '../../../cli/support/launch.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { parseResources } from '../../../runtime/spec/parse-resources.ts'

const wherryError = (message: RegExp) => (error: unknown) => error instanceof WherryError && message.test(error.message)

test('a terminal is served by the caller’s socket or by us', () => {
  checkConsole(false, false, undefined)
  checkConsole(false, true, undefined)
  checkConsole(true, false, undefined)
  checkConsole(true, true, '/socket')
  assert.throws(
    () => checkConsole(true, true, undefined),
    wherryError(/cannot allocate tty if the runtime will detach without setting console socket/),
  )
  for (const [terminal, detached] of [
    [true, false],
    [false, true],
    [false, false],
  ] as const)
    assert.throws(
      () => checkConsole(terminal, detached, '/socket'),
      wherryError(/cannot use console socket if the runtime will not detach or allocate tty/),
    )
})

test('a config asks for a terminal by process.terminal only', () => {
  assert.equal(asksForTerminal('{"process":{"terminal":true}}'), true)
  assert.equal(asksForTerminal('{"process":{"terminal" :\n true}}'), true)
  assert.equal(asksForTerminal('{"process":{"terminal":false},"annotations":{"terminal":"true"}}'), false)
  assert.equal(asksForTerminal('{"x":{"terminal":true}}'), false)
  assert.equal(asksForTerminal('{"terminal":true'), false, 'who loads it says what is wrong')
  assert.equal(asksForTerminal('null //"terminal":true'), false)
})

test('signals by name and number, and 0', () => {
  for (const [text, number] of [
    ['KILL', 9],
    ['SIGKILL', 9],
    ['sigterm', 15],
    ['9', 9],
    ['0', 0],
    ['RTMIN+3', 37],
    ['64', 64],
  ] as const)
    assert.equal(parseSignal(text), number)
  for (const text of ['', 'FOO', '-9', '65', '9.5', '00000009'])
    assert.throws(() => parseSignal(text), wherryError(/^unknown signal /), text)
})

test('signals that say something about us are not forwarded', () => {
  for (const name of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2', 'SIGCONT', 'SIGTSTP', 'SIGALRM'] as const)
    assert.ok(FORWARDED.includes(name), name)
  for (const name of ['SIGKILL', 'SIGSTOP', 'SIGCHLD', 'SIGWINCH', 'SIGPIPE', 'SIGSEGV', 'SIGTTIN'] as const)
    assert.ok(!FORWARDED.includes(name), name)
})

test('an exit status is the code, or 128 and the signal', () => {
  assert.equal(exitStatus(7 << 8), 7)
  assert.equal(exitStatus(9), 137)
  assert.equal(exitStatus(0x80 | 11), 139, 'with a core dump')
})

describe('descriptors that are passed on', () => {
  test('of systemd count if they are meant for this process', () => {
    assert.equal(listenFds({ LISTEN_FDS: '2', LISTEN_PID: '17' }, 17), 2)
    assert.equal(listenFds({ LISTEN_FDS: '2', LISTEN_PID: '16' }, 17), 0)
    assert.equal(listenFds({ LISTEN_FDS: '2' }, 17), 0)
    assert.equal(listenFds({ LISTEN_FDS: 'x', LISTEN_PID: '17' }, 17), 0)
  })

  test('must have been open before Node opened its own', () => {
    const launch = { program: '', openFiles: undefined, descriptors: new Set([0, 1, 2, 3]), moved: [] }
    checkPreservedFds(launch, 0, 1)
    assert.throws(() => checkPreservedFds(launch, 0, 2), wherryError(/^--preserve-fds=2: descriptor 4 is not open$/))
    assert.throws(() => checkPreservedFds(launch, 2, 0), wherryError(/^LISTEN_FDS=2: descriptor 4 is not open$/))
    assert.throws(() => checkPreservedFds(launch, 0, -1), wherryError(/must not be negative/))
  })
})

test('what the launcher moved aside is put back, and its own variables are gone', () => {
  const given = {
    PATH: '/bin',
    WHERRY_ENV_NODE_OPTIONS: '--x',
    WHERRY_ENV_UV_USE_IO_URING: '',
    WHERRY_ARGV0: '/usr/bin/runc',
    WHERRY_NOFILE: '1024',
    WHERRY_FDS: '0 1 2 7 ',
    WHERRY_OTHER: 'kept',
  }
  const env = { ...given }
  const launch = takeLaunch(env, 'default')
  assert.deepEqual<NodeJS.ProcessEnv>(env, { PATH: '/bin', NODE_OPTIONS: '--x', UV_USE_IO_URING: '', WHERRY_OTHER: 'kept' })
  assert.deepEqual(launch, {
    program: '/usr/bin/runc',
    openFiles: 1024,
    descriptors: new Set([0, 1, 2, 7]),
    moved: ['NODE_OPTIONS', 'UV_USE_IO_URING'],
  })
  assert.deepEqual(giveLaunch(env, launch), { ...given, WHERRY_FDS: '0 1 2 7' }, 'for another program of ours')
  assert.deepEqual(takeLaunch({}, 'default'), { program: 'default', openFiles: undefined, descriptors: undefined, moved: [] })
})

describe('limits of update', () => {
  const parse = (flags: Parameters<typeof resourcesOfFlags>[0]) =>
    parseResources(resourcesOfFlags(flags), 'resources', (message) => assert.fail(message))

  test('are linux.resources of what was given', () => {
    const made = parse({
      memory: '50M',
      'memory-swap': '-1',
      'cpu-quota': '-1',
      'cpu-period': '100000',
      'cpuset-cpus': '0',
      'pids-limit': -1,
      'blkio-weight': 500,
      'cpu-burst': '0',
    })
    assert.equal(made.memory!.limit, 52428800n)
    assert.equal(made.memory!.swap, -1n)
    assert.equal(made.cpu!.quota, -1)
    assert.equal(made.cpu!.period, 100000)
    assert.equal(made.cpu!.burst, 0)
    assert.equal(made.cpu!.cpus, '0')
    assert.equal(made.pids!.limit, -1)
    assert.equal(made.blockIO!.weight, 500)
  })

  test('that are empty or not given are left alone', () => {
    const made = parse({ memory: '', 'cpu-share': '' })
    assert.equal(made.memory!.limit, undefined)
    assert.equal(made.cpu!.shares, undefined)
    assert.equal(made.pids, undefined)
  })

  test('that are no numbers are refused by their flag', () => {
    assert.throws(() => parse({ memory: '5x' }), wherryError(/^--memory: "5x" is not a number of bytes/))
    assert.throws(() => parse({ 'cpu-quota': '1.5' }), wherryError(/^--cpu-quota: "1.5" is not a whole number/))
    assert.throws(() => parse({ 'cpu-idle': '2' }), wherryError(/^resources\.cpu\.idle: /))
  })
})
