import assert from 'node:assert/strict'
import { test } from 'node:test'
import { applyConfig } from '../../../../image/apply/apply.ts'
import { DEFAULT_PATH, mergeEnv, parseVariable } from '../../../../image/apply/environment.ts'
import { formatPort, parsePort } from '../../../../image/apply/ports.ts'

const SHELL = { Entrypoint: ['/entry', '-x'], Cmd: ['one', 'two'] }

/** docker’s and conversion.md’s table. */
for (const [name, config, overrides, args] of [
  ['both of the image', SHELL, {}, ['/entry', '-x', 'one', 'two']],
  ['a command of the caller', SHELL, { command: ['three'] }, ['/entry', '-x', 'three']],
  ['an entrypoint of the caller drops Cmd', SHELL, { entrypoint: ['/other'] }, ['/other']],
  ['both of the caller', SHELL, { entrypoint: ['/other'], command: ['three'] }, ['/other', 'three']],
  ['no entrypoint but a command', SHELL, { entrypoint: [], command: ['three'] }, ['three']],
  ['Cmd alone', { Cmd: ['sh'] }, {}, ['sh']],
  ['Entrypoint alone', { Entrypoint: ['/entry'] }, {}, ['/entry']],
  ['nothing but a command', {}, { command: ['sh'] }, ['sh']],
] as const)
  test(`args: ${name}`, () => {
    assert.deepEqual(applyConfig(config, overrides).args, args)
  })

test('no command', () => {
  assert.throws(() => applyConfig({}), { kind: 'invalid-argument', message: /neither Entrypoint nor Cmd/ })
  assert.throws(() => applyConfig(SHELL, { entrypoint: [] }), { message: /neither Entrypoint nor Cmd/ })
  assert.throws(() => applyConfig({ Cmd: ['', 'x'] }), { message: /the command is empty/ })
})

test('env', () => {
  assert.deepEqual(mergeEnv(), [`PATH=${DEFAULT_PATH}`])
  assert.deepEqual(mergeEnv(['A=1', 'PATH=/x', 'A=2', 'B=x=y']), ['A=2', 'PATH=/x', 'B=x=y'])
  assert.deepEqual(
    mergeEnv(
      ['A=1', 'B=2', 'PATH='],
      [
        ['B', undefined],
        ['A', ''],
        ['C', 'a b'],
      ],
    ),
    ['A=', 'PATH=', 'C=a b'],
  )
  assert.deepEqual(parseVariable('A=b=c', {}), ['A', 'b=c'])
  assert.deepEqual(parseVariable('A', { A: 'outer' }), ['A', 'outer'])
  assert.deepEqual(parseVariable('A', {}), ['A', undefined])
  assert.deepEqual(parseVariable('constructor', process.env), ['constructor', undefined])
  for (const text of ['', '=x', 'A=\0']) assert.throws(() => parseVariable(text, {}), { kind: 'invalid-argument' })
})

test('what is set where nobody sets it', () => {
  const env = (overrides: object): readonly string[] => applyConfig({ Cmd: ['x'], Env: ['PATH=/b'] }, overrides).env
  assert.deepEqual(env({ hostname: 'h', terminal: true }), ['PATH=/b', 'HOSTNAME=h', 'TERM=xterm'])
  assert.deepEqual(env({ terminal: true, env: [['TERM', 'vt100']] }), ['PATH=/b', 'TERM=vt100'])
  assert.deepEqual(
    env({
      terminal: true,
      hostname: 'h',
      env: [
        ['TERM', undefined],
        ['PATH', undefined],
      ],
    }),
    ['HOSTNAME=h'],
  )
})

test('the working directory', () => {
  const cwd = (WorkingDir?: string, workingDir?: string): string =>
    applyConfig({ Cmd: ['x'], ...(WorkingDir === undefined ? {} : { WorkingDir }) }, workingDir === undefined ? {} : { workingDir }).cwd
  assert.equal(cwd(), '/')
  assert.equal(cwd('/srv/'), '/srv')
  assert.equal(cwd('srv'), '/srv')
  assert.equal(cwd('/../../etc/./x/..'), '/etc')
  assert.equal(cwd('/srv', '/other//y'), '/other/y')
  assert.throws(() => cwd('/a', '/b\n'), { message: /working directory "\/b\\n": has control characters/ })
})

test('volumes', () => {
  const volumes = (...Volumes: string[]): readonly string[] => applyConfig({ Cmd: ['x'], Volumes }).volumes
  assert.deepEqual(volumes('/b', '/a/', '/a', '/../c/../d'), ['/a', '/b', '/d'])
  assert.throws(() => volumes('data'), { message: /volume "data" of the image: the path is not absolute/ })
  for (const root of ['/', '/..', '/a/..']) assert.throws(() => volumes(root), { message: /would be the root itself/ })
})

test('ports', () => {
  for (const [text, port] of [
    ['8080', '8080/tcp'],
    ['80/tcp', '80/tcp'],
    ['53/UDP', '53/udp'],
    ['132/sctp', '132/sctp'],
    ['8000-8010/udp', '8000-8010/udp'],
    ['7-7', '7/tcp'],
  ] as const)
    assert.equal(formatPort(parsePort(text)), port)
  for (const text of [
    '',
    '0',
    '65536',
    '80/',
    '80/icmp',
    '-80',
    '80-',
    '90-80',
    '80:80',
    ' 80',
    '8e1',
    '0x50',
    '999999',
    '80/tcp/udp',
    '٨',
  ])
    assert.throws(() => parsePort(text), { kind: 'invalid-argument', message: /^port / }, text)
  assert.throws(() => applyConfig({ Cmd: ['x'], ExposedPorts: ['x'] }), /port "x"/)
})

test('signal, labels, user, health', () => {
  const applied = applyConfig(
    { Cmd: ['x'], StopSignal: 'SIGRTMIN+3', Labels: { a: 'image', b: 'image' }, User: 'app', Healthcheck: { Test: ['NONE'] } },
    { labels: { b: 'caller' } },
  )
  assert.equal(applied.stopSignal, 37)
  assert.deepEqual(applied.labels, { a: 'image', b: 'caller' })
  assert.equal(applied.user, 'app')
  assert.deepEqual(applied.healthcheck, { Test: ['NONE'] })
  const changed = applyConfig({ Cmd: ['x'], StopSignal: '9', User: 'app' }, { stopSignal: 'int', user: '' })
  assert.equal(changed.stopSignal, 2)
  assert.equal(changed.user, '')
  assert.equal(applyConfig({ Cmd: ['x'] }).stopSignal, undefined)
  assert.throws(() => applyConfig({ Cmd: ['x'], StopSignal: 'SIGNOPE' }), { message: /stop signal "SIGNOPE": is no signal/ })
})
