import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { after, before, describe, test } from 'node:test'
import { WHERRY } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

describe('wherry attach', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const attach = (...argv: string[]) => {
    const child = spawn(WHERRY, ['attach', ...argv], { env: { ...process.env, ...wherry.env }, stdio: ['pipe', 'pipe', 'pipe'] })
    const seen = { stdout: '', stderr: '' }
    child.stdout.on('data', (bytes: Buffer) => {
      seen.stdout += bytes
    })
    child.stderr.on('data', (bytes: Buffer) => {
      seen.stderr += bytes
    })
    return { child, seen, ended: new Promise((done) => child.once('close', done)) }
  }

  /** It says so itself: what comes before is not shown to who attaches later. */
  const attached = (name: string, count: number): Promise<void> =>
    eventually('they are attached', () => {
      const events = (wherry.eventsOf(name).match(/"action":"attach"/g) ?? []).length
      return events >= count
    })

  test('shows output, passes input on, and gives the exit status', async () => {
    await wherry.startShell('echo', 'while read -r line; do echo "got $line"; echo "err $line" >&2; [ "$line" = bye ] && exit 9; done', [
      '-i',
    ])
    const { child, seen, ended } = attach('echo')
    await attached('echo', 1)
    child.stdin.write('one\n')
    await eventually('the answer', () => seen.stdout === 'got one\n' && seen.stderr === 'err one\n')
    child.stdin.write('bye\n')
    assert.equal(await ended, 9)
    assert.deepEqual(seen, { stdout: 'got one\ngot bye\n', stderr: 'err one\nerr bye\n' })
  })

  test('several terminals at once see the same, and each can type', async () => {
    await wherry.start('shell', ['sh'], ['-it'])
    const [first, second] = [wherry.onTerminal(['attach', 'shell']), wherry.onTerminal(['attach', 'shell'])]
    await attached('shell', 2)
    first.terminal.write('echo from-$((1 + 0))\r')
    for (const { terminal } of [first, second]) await terminal.until(/from-1\r\n/)
    second.terminal.write('echo from-$((1 + 1))\r')
    for (const { terminal } of [first, second]) await terminal.until(/from-2\r\n/)
    // one leaves, and the other stays
    first.terminal.write('\x10\x11')
    assert.equal(await first.ended, 0)
    first.terminal.close()
    second.terminal.write('exit 4\r')
    assert.equal(await second.ended, 4)
    second.terminal.close()
  })

  test('--no-stdin passes nothing on, signals or none as --sig-proxy says', async () => {
    const script = 'trap "echo term; exit 6" TERM; echo up; while :; do read -t 1 -r line && echo "got $line"; sleep 0.05; done'
    await wherry.startShell('trap', script, ['-i'])
    const deaf = attach('--no-stdin', '--sig-proxy=false', 'trap')
    await attached('trap', 1)
    deaf.child.stdin.write('never\n')
    deaf.child.kill('SIGTERM')
    await deaf.ended
    const proxied = attach('--no-stdin', 'trap')
    await attached('trap', 2)
    proxied.child.kill('SIGTERM')
    assert.equal(await proxied.ended, 6)
    assert.equal(proxied.seen.stdout, 'term\n')
    assert.doesNotMatch(await wherry.ok('logs', 'trap'), /got never/)
  })

  test('refuses what does not run', async () => {
    assert.match(await wherry.fails(['attach', 'shell']), /container shell is not running \(exited\)/)
    await wherry.start('paused', ['sleep', '1000'])
    await wherry.ok('pause', 'paused')
    assert.match(await wherry.fails(['attach', 'paused']), /container paused is paused: .*`wherry unpause paused`/)
    await wherry.ok('unpause', 'paused')
  })
})
