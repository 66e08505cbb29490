/** `wherry run` in the foreground and detached, by the real program: what comes out, which status it has, and what is left. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { Containers, IMAGE } from '../../support/cli-containers.ts'
import { WHERRY } from '../../support/cli.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const NONE = ['--network', 'none'] as const

const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder) : [])

describe('run', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())
  afterEach(async () => {
    const ids = (await wherry.ok('ps', '-aq')).trim()
    if (ids !== '') await wherry.ok('rm', '-f', ...ids.split('\n'))
  })

  const sh = (script: string, ...flags: readonly string[]) => wherry.run(['run', '--rm', ...NONE, ...flags, IMAGE, 'sh', '-c', script])

  /** Nothing of any container: neither durable nor of this boot. */
  const assertNothingLeft = (): void => {
    assert.deepEqual(namesIn(wherry.path('root/containers')), [])
    assert.deepEqual(namesIn(wherry.path('root/names')), [])
    assert.deepEqual(
      namesIn(wherry.path('root/leases')).filter((name) => name.startsWith('kept-')),
      [],
    )
    assert.deepEqual(namesIn(wherry.path('run/containers')), [])
    assert.deepEqual(
      namesIn(wherry.path('run/engine')).filter((name) => !name.startsWith('@')),
      [],
    )
    assert.deepEqual(namesIn(wherry.path('run/engine/@journal')), [])
  }

  test('both outputs go where ours go, and the status is the command’s', async () => {
    const result = await sh('echo out; echo err >&2; exit 7')
    assert.deepEqual([result.status, result.stdout, result.stderr], [7, 'out\n', 'err\n'])
    assertNothingLeft()
  })

  test('125, 126, 127 and 128 + n', async () => {
    const none = await wherry.run(['run', '--rm', ...NONE, IMAGE, 'no-such-program'])
    assert.equal(none.status, 127)
    assert.match(none.stderr, /^wherry: exec: "no-such-program": executable file not found in \$PATH/)
    const file = await wherry.run(['run', '--rm', ...NONE, IMAGE, '/etc/passwd'])
    assert.equal(file.status, 126)
    assert.match(file.stderr, /"\/etc\/passwd".*permission denied/)
    assert.equal((await wherry.run(['run', '--rm', '--init', ...NONE, IMAGE, 'sh', '-c', 'kill -9 $$'])).status, 137)
    const flag = await wherry.run(['run', '--nme', 'x', IMAGE])
    assert.equal(flag.status, 125)
    assert.match(flag.stderr, /unknown flag --nme \(did you mean --name\?\)/)
    assert.equal((await wherry.run(['run', '--pull', 'never', 'nothing:here'])).status, 125)
    assertNothingLeft()
  })

  test('what a container writes just before it ends is not lost', async () => {
    for (const size of [1, 4096, 300_000]) {
      const { stdout, status } = await sh(`head -c ${size} /dev/zero | tr '\\0' x; exit 3`)
      assert.equal(status, 3)
      assert.equal(stdout.length, size)
    }
  })

  test('stdin is passed on with -i, and its end too; without it there is none', async () => {
    const child = spawn(WHERRY, ['run', '-i', '--rm', ...NONE, IMAGE, 'cat'], { env: { ...process.env, ...wherry.env } })
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    child.stdin.write('one\n')
    await eventually('the first line comes back', () => text === 'one\n')
    child.stdin.end('two\n')
    assert.equal(await ended, 0)
    assert.equal(text, 'one\ntwo\n')
    assert.equal((await sh('cat')).stdout, '')
    assertNothingLeft()
  })

  test('signals are the container’s, and its handler’s status ours', async () => {
    const child = spawn(
      WHERRY,
      ['run', '--rm', ...NONE, IMAGE, 'sh', '-c', 'trap "echo caught; exit 42" USR1; echo ready; while :; do sleep 0.1; done'],
      {
        env: { ...process.env, ...wherry.env },
      },
    )
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
    })
    const ended = new Promise((resolve) => child.once('exit', resolve))
    await eventually('it is ready', () => text.includes('ready'))
    child.kill('SIGUSR1')
    assert.equal(await ended, 42)
    assert.equal(text, 'ready\ncaught\n')
  })

  test('a terminal: its size, its keys, and the keys to leave it by', async () => {
    const { terminal, ended } = wherry.onTerminal(['run', '-it', '--name', 'tty', ...NONE, IMAGE, 'sh'], { columns: 101, rows: 33 })
    await terminal.until(/# /)
    terminal.write('stty size; tty\r')
    assert.match(await terminal.until(/\/dev\/pts\/\d+/), /33 101/)
    terminal.write('\x10\x11')
    assert.equal(await ended, 0, 'detached')
    terminal.close()
    assert.match(await wherry.ok('ps'), /"sh".*Up /)
    await wherry.ok('rm', '-f', 'tty')
  })

  test('-d prints the id, and no process of Node’s stays', async () => {
    const id = await wherry.start('detached', ['sleep', '1000'], ['--cidfile', wherry.path('cid'), '--pidfile', wherry.path('pid')])
    assert.match(id, /^[0-9a-f]{64}$/)
    assert.equal(readFileSync(wherry.path('cid'), 'utf8'), id)
    const pid = readFileSync(wherry.path('pid'), 'utf8').trim()
    assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), 'sleep\x001000\0')
    const parent = /^PPid:\s*(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]
    assert.equal(readFileSync(`/proc/${parent}/comm`, 'utf8'), 'wherry:keeper\n')
    const again = await wherry.run(['run', '-d', '--cidfile', wherry.path('cid'), ...NONE, IMAGE, 'true'])
    assert.equal(again.status, 125)
    assert.match(again.stderr, /--cidfile: .*cid is there/)
    await wherry.ok('rm', '-f', 'detached')
    assertNothingLeft()
  })

  test('a detached one with --rm goes when it ends', async () => {
    await wherry.start('gone', ['true'], ['--rm'])
    await eventually('it is gone', () => namesIn(wherry.path('root/containers')).length === 0)
    assertNothingLeft()
  })

  test('a name in use names its owner, and is free when he is gone', async () => {
    const id = await wherry.start('taken', ['sleep', '1000'])
    const { status, stderr } = await wherry.run(['run', '--rm', '--name', 'taken', ...NONE, IMAGE, 'true'])
    assert.equal(status, 125)
    assert.match(stderr, new RegExp(`the name taken is in use by container ${id.slice(0, 12)}: remove it`))
    await wherry.ok('rm', '-f', 'taken')
    assert.equal((await wherry.run(['run', '--rm', '--name', 'taken', ...NONE, IMAGE, 'true'])).status, 0)
    assertNothingLeft()
  })

  test('--timeout ends it', async () => {
    const { status } = await wherry.run(['run', '--rm', '--timeout', '1', ...NONE, IMAGE, 'sleep', '1000'])
    assert.equal(status, 137)
    assertNothingLeft()
  })

  test('a missing image names the reference and what was tried', async () => {
    const { status, stderr } = await wherry.run(['run', '--pull', 'never', 'nothing:here', 'true'])
    assert.equal(status, 125)
    assert.match(stderr, /image nothing:here is not in the store/)
  })

  test('fifty at once: none fails, nothing is left', async () => {
    const results = await Promise.all(
      Array.from({ length: 50 }, (_, index) => wherry.run(['run', '--rm', ...NONE, IMAGE, 'echo', String(index)])),
    )
    assert.deepEqual(
      results.map(({ status, stdout, stderr }) => [status, stdout, stderr]),
      results.map((_, index) => [0, `${index}\n`, '']),
    )
    assertNothingLeft()
  })
})
