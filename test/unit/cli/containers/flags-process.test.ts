/** What runs, its environment, how long it lives, and the options of the command itself. */
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { readRunOptions, RUN_FLAGS } from '../../../../cli/containers/flags/run-flags.ts'
import { parseFlags } from '../../../../cli/support/commander.ts'
import { UsageError } from '../../../../cli/support/parse.ts'
import { problemOf, readLine, requestOf } from '../../../support/requests.ts'

const folder = mkdtempSync(`${tmpdir()}/wherry-test-flags-`)
after(() => rmSync(folder, { recursive: true }))

const file = (name: string, text: string | Uint8Array): string => {
  writeFileSync(`${folder}/${name}`, text)
  return `${folder}/${name}`
}

test('takes the image and the command, whose flags are its own', () => {
  const { request } = readLine(['-it'], { args: ['alpine', 'ls', '-l', '--rm'] })
  assert.deepEqual(
    [request.image, request.command, request.tty, request.interactive, request.autoRemove],
    ['alpine', ['ls', '-l', '--rm'], true, true, false],
  )
  assert.equal(problemOf([], { args: [] }), 'no image is named: IMAGE [COMMAND...] is wanted behind the flags')
  const root = readLine(['--rootfs', 'dir'], { args: ['sh'], cwd: '/x' }).request
  assert.deepEqual([root.rootfs, root.image, root.command], ['/x/dir', undefined, ['sh']])
})

test('reads variables in the order in which they count', () => {
  const lines = file('env', '\uFEFF# comment\n\nA=file\n  B= b \nOUTER\nMISSING\nC=1=2\r\n')
  const { env } = readLine(['-e', 'A=flag', '-e', 'OUTER', '-e', 'NOWHERE', '-e', 'EMPTY=', '--env-file', lines, '--unsetenv', 'D'], {
    env: { OUTER: 'out' },
  }).request
  assert.deepEqual(env, [
    ['A', 'file'],
    ['B', ' b '],
    ['OUTER', 'out'],
    ['C', '1=2'],
    ['A', 'flag'],
    ['OUTER', 'out'],
    ['NOWHERE', undefined],
    ['EMPTY', ''],
    ['D', undefined],
  ])
  assert.deepEqual(readLine(['--env-host'], { env: { X: '1' } }).request.env, [['X', '1']])
})

test('refuses files of variables and labels that are none', () => {
  const said = (flag: string, text: string | Uint8Array) => problemOf([flag, file('bad', text)])?.replaceAll(folder, 'F')
  assert.equal(
    said('--env-file', 'A=1\n=x\n'),
    '--env-file: line 2 of F/bad: "=x" has no name: NAME=VALUE, or NAME for the value in your environment, is wanted',
  )
  assert.equal(said('--env-file', 'A B=1'), '--env-file: line 1 of F/bad: "A B=1" has white space in the name')
  assert.equal(said('--env-file', 'A=\0'), '--env-file: line 1 of F/bad: "A=\\u0000" has a NUL byte')
  assert.equal(said('--env-file', Uint8Array.of(0xff)), '--env-file: "F/bad" is not text in UTF-8')
  assert.equal(said('--label-file', '=x'), '--label-file: line 1 of F/bad: "=x" has no key: KEY=VALUE is wanted')
  assert.equal(problemOf(['--env-file', folder])?.replaceAll(folder, 'F'), '--env-file: "F" cannot be read: is a directory')
})

test('reads labels and annotations, flags over files', () => {
  const { labels, annotations } = requestOf('--label-file', file('labels', 'a=1\nb=2\n'), '-l', 'b=3', '-l', 'c', '--annotation', 'x=y=z')
  assert.deepEqual([labels, annotations], [{ a: '1', b: '3', c: '' }, { x: 'y=z' }])
})

test('reads who runs, where and as what', () => {
  const request = requestOf(
    ...['-u', 'bob:staff', '-w', '/a/../b', '--group-add', 'a,5', '--umask', '027', '-h', 'box', '--domainname', 'example'],
  )
  assert.deepEqual(
    [request.user, request.workdir, request.groups, request.umask, request.hostname, request.domainname],
    ['bob:staff', '/b', ['a', '5'], 0o27, 'box', 'example'],
  )
  const entrypoints = ['', 'sh', '["a", "b c"]', '['].map((text) => requestOf('--entrypoint', text).entrypoint)
  assert.deepEqual(entrypoints, [[], ['sh'], ['a', 'b c'], ['[']])
})

test('reads how long it lives', () => {
  const { restart, stopTimeout, timeout, stopSignal, log, health } = requestOf()
  assert.deepEqual([restart, stopTimeout, timeout, stopSignal, health], [{ name: 'no' }, 10, undefined, undefined, { disabled: false }])
  assert.deepEqual(log, { driver: 'spool', maxSize: 10 * 1024 * 1024, maxFiles: 3 })
  assert.deepEqual(requestOf('--restart', 'on-failure:3').restart, { name: 'on-failure', maximum: 3 })
  assert.deepEqual(requestOf('--restart', 'on-failure:0').restart, { name: 'on-failure' })
  assert.deepEqual(requestOf('--restart', 'unless-stopped').restart, { name: 'unless-stopped' })
  assert.equal(requestOf('--rm', '--restart', 'no').autoRemove, true)
  assert.deepEqual(requestOf('--log-driver', 'json-file', '--log-opt', 'max-size=1m', '--log-opt', 'max-file=5').log, {
    driver: 'spool',
    maxSize: 1_048_576,
    maxFiles: 5,
  })
  assert.deepEqual(requestOf('--log-driver', 'none').log.driver, 'none')
  assert.deepEqual(requestOf('--log-driver', 'local', '--log-opt', 'tag=x').log, {
    driver: 'spool',
    maxSize: 10_485_760,
    maxFiles: 3,
    tag: 'x',
  })
  assert.deepEqual(requestOf('--stop-timeout', '-1', '--timeout', '5', '--stop-signal', 'sigusr1').stopTimeout, -1)
})

test('reads health checks', () => {
  assert.deepEqual(
    requestOf(
      ...['--health-cmd', 'a | b', '--health-interval', '1m', '--health-timeout', '500ms', '--health-retries', '5'],
      ...['--health-start-period', '0s', '--health-start-interval', '2s'],
    ).health,
    { disabled: false, command: 'a | b', interval: 60_000, timeout: 500, retries: 5, startPeriod: 0, startInterval: 2000 },
  )
  assert.deepEqual(requestOf('--no-healthcheck').health, { disabled: true })
  assert.deepEqual(requestOf('--health-cmd', 'none').health, { disabled: true })
})

/** Command lines, and what is said of them. */
const BAD: readonly (readonly [argv: readonly string[], message: string])[] = [
  [['-w', 'rel'], '--workdir: "rel" is not absolute'],
  [['-u', 'a:'], '--user: "a:" is not of the form USER[:GROUP]'],
  [['-u', 'a:b:c'], '--user: "a:b:c" is not of the form USER[:GROUP]'],
  [['-u', 'a\nb'], '--user: "a\\nb" has control characters'],
  [['--group-add', 'keep-groups'], '--group-add: "keep-groups" is not supported: name the groups'],
  [['--group-add', ''], '--group-add: "" is no group'],
  [['--umask', '9'], '--umask: "9" is no umask: up to three octal digits like 0022 are wanted'],
  [
    ['--entrypoint', '[1'],
    `--entrypoint: "[1" begins like a JSON list of words and is none: Expected ',' or ']' after array element in JSON at position 2 (line 1 column 3)`,
  ],
  [['--entrypoint', '[1]'], '--entrypoint: "[1]" is no JSON list of words'],
  [['--name', '-x'], `container name "-x": letters, digits, '_', '.' and '-' are allowed, the first a letter or digit, 128 at most`],
  [['--platform', 'x/y/z/q'], 'platform "x/y/z/q": has more than three parts; wanted is os/architecture[/variant]: linux/arm64'],
  [['-e', '=x'], '--env: "=x" has no name: NAME=VALUE, or NAME for the value in your environment, is wanted'],
  [['-e', ''], '--env: "" has no name: NAME=VALUE, or NAME for the value in your environment, is wanted'],
  [['--env-file', '/nope'], '--env-file: "/nope" cannot be read: no such file or directory'],
  [['--unsetenv', 'A=1'], '--unsetenv: "A=1" is no name of a variable'],
  [['-l', '=x'], '--label: "=x" has no key: KEY=VALUE is wanted'],
  [['--annotation', 'x'], '--annotation: "x" is not of the form KEY=VALUE'],
  [['--label-file', '/nope'], '--label-file: "/nope" cannot be read: no such file or directory'],
  [['--rootfs', ''], '--rootfs: "" is no path'],
  [['--restart', 'x'], '--restart: "x" is none of no, on-failure[:MOST], always, unless-stopped'],
  [['--restart', 'always:3'], '--restart: "always:3" has a number, which is for on-failure only'],
  [['--restart', 'on-failure:x'], '--restart: "on-failure:x" has no number of starts behind the colon'],
  [['--rm', '--restart', 'always'], '--rm and --restart always exclude each other: what is removed cannot be started again'],
  [['--stop-signal', 'FOO'], '--stop-signal: "FOO" is no signal: one like SIGTERM, TERM, 15 or SIGRTMIN+3 is wanted'],
  [['--stop-timeout', '-2'], '--stop-timeout: "-2" is not from -1 to 2147483647 seconds'],
  [['--timeout', '-1'], '--timeout: "-1" is not from 0 to 2147483647 seconds'],
  [
    ['--log-driver', 'syslog'],
    '--log-driver: "syslog" is none of spool, json-file, local, k8s-file, journald, none: see wherry run --help',
  ],
  [
    ['--log-driver', 'journald'],
    '--log-driver: "journald" is not to be had: nothing stays beside a container that could send its output on; keep it in the spool, and let `wherry logs --follow NAME | systemd-cat -t NAME` run as long as you want it in the journal',
  ],
  [['--log-opt', 'x'], '--log-opt: "x" is not of the form NAME=VALUE'],
  [['--log-opt', 'compress=true'], '--log-opt: "compress=true" is unknown; the driver spool has max-size, max-file, tag'],
  [['--log-driver', 'none', '--log-opt', 'max-size=1m'], '--log-opt: "max-size=1m" is for nothing: the driver none has no options'],
  [['--log-opt', 'max-size=1k'], '--log-opt: "max-size=1k" is less than 64k'],
  [['--log-opt', 'max-file=0'], '--log-opt: "max-file=0" is no number from 1 to 1000'],
  [['--no-healthcheck', '--health-cmd', 'x'], '--no-healthcheck and --health-cmd exclude each other: there is nothing to check'],
  [
    ['--health-cmd', 'none', '--health-retries', '1'],
    '--health-cmd none and --health-retries exclude each other: there is nothing to check',
  ],
  [['--health-interval', '-1s'], '--health-interval: "-1000ms" is less than 1ms'],
  [['--health-cmd', ''], '--health-cmd: "" is empty: give a command, or --no-healthcheck'],
  [['--health-retries', '-1'], '--health-retries: "-1" is not from 0 to 1000000'],
  [['--read-only-tmpfs'], '--read-only-tmpfs needs --read-only'],
  [['--volum', 'x'], 'unknown flag --volum (did you mean --volume?): see wherry run --help'],
  [['--gpus', 'all'], 'unknown flag --gpus (did you mean --cpus?): see wherry run --help'],
  [['--cpus'], '--cpus: "image" is no number of CPUs like 2 or 0.5'],
  [['--rm=maybe'], '--rm: "maybe" is not true or false: see wherry run --help'],
]

test('says what is wrong, and what is allowed', () => {
  for (const [argv, message] of BAD) assert.equal(problemOf(argv), message, argv.join(' '))
})

const options = (...argv: string[]) => readRunOptions(parseFlags('wherry run', RUN_FLAGS, [...argv, 'image'], true).flags, '/x')

test('reads what the command itself does', () => {
  assert.deepEqual(options(), { pull: 'missing', quiet: false, detach: false, sigProxy: true, preserveFds: 0 })
  assert.deepEqual(
    options('-d', '--cidfile', 'c', '--pidfile', '/p', '--pull', 'always', '-q', '--preserve-fds', '2', '--sig-proxy=false'),
    {
      pull: 'always',
      quiet: true,
      cidfile: '/x/c',
      detach: true,
      sigProxy: false,
      pidfile: '/p',
      preserveFds: 2,
    },
  )
  assert.deepEqual(options('-a', 'STDOUT', '-a', 'stderr').attach, new Set(['stdout', 'stderr']))
  assert.equal(options('--explain').explain, 'text')
  assert.equal(options('--explain=elf').explain, 'elf')
})

test('refuses what excludes each other', () => {
  const wrong = (...argv: string[]) => {
    try {
      options(...argv)
    } catch (error) {
      if (error instanceof UsageError) return error.message
      throw error
    }
    return undefined
  }
  assert.equal(wrong('-d', '-a', 'stdout'), '--detach and --attach exclude each other')
  assert.equal(wrong('-d', '--detach-keys', 'ctrl-a'), '--detach and --detach-keys exclude each other: nobody is attached')
  assert.equal(wrong('--pull', 'sometimes'), '--pull: "sometimes" is none of missing, always, never, newer: see wherry run --help')
  assert.equal(wrong('--preserve-fds', '-1'), '--preserve-fds: "-1" is not from 0 to 1024')
  assert.equal(wrong('-a', 'tty'), '--attach: "tty" is none of stdin, stdout, stderr')
})
