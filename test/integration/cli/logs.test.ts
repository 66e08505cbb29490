import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { readdirSync, truncateSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { listSpool } from '../../../runtime/keeper/files.ts'
import { WHERRY } from '../../support/cli.ts'
import { Containers } from '../../support/cli-containers.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

describe('wherry logs', { skip: requires('root', 'busybox') }, () => {
  let wherry: Containers

  before(async () => {
    wherry = await Containers.open()
  })
  after(() => wherry.close())

  const ended = async (name: string, script: string, flags: readonly string[] = []): Promise<string> => {
    const id = await wherry.startShell(name, script, flags)
    await wherry.ok('wait', name)
    return id
  }

  const follow = (...argv: string[]) => {
    const child = spawn(WHERRY, ['logs', '-f', ...argv], { env: { ...process.env, ...wherry.env }, stdio: ['ignore', 'pipe', 'pipe'] })
    const seen = { stdout: '', stderr: '' }
    child.stdout.on('data', (bytes: Buffer) => {
      seen.stdout += bytes
    })
    child.stderr.on('data', (bytes: Buffer) => {
      seen.stderr += bytes
    })
    return { child, seen, ended: new Promise((done) => child.once('close', done)) }
  }

  test('keeps the streams apart, counts lines of both from the end, and marks where they began', async () => {
    await ended('streams', 'for i in 1 2 3; do echo out $i; sleep 0.02; echo err $i >&2; sleep 0.02; done; printf unfinished')
    const all = await wherry.run(['logs', 'streams'])
    assert.deepEqual([all.stdout, all.stderr], ['out 1\nout 2\nout 3\nunfinished', 'err 1\nerr 2\nerr 3\n'])
    const last = await wherry.run(['logs', '--tail', '3', 'streams'])
    assert.deepEqual([last.stdout, last.stderr], ['out 3\nunfinished', 'err 3\n'])
    assert.equal(await wherry.ok('logs', '-n', '0', 'streams'), '')
    assert.equal(await wherry.ok('logs', '-n', 'all', 'streams'), all.stdout)
    const marked = await wherry.ok('logs', '-t', '-n', '3', 'streams')
    assert.match(marked, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{9}Z out 3\n\d{4}-\S+Z unfinished$/)
  })

  test('--since and --until go by when a line began', async () => {
    await ended('times', 'printf "one "; sleep 0.3; echo still one; sleep 0.3; echo two; sleep 0.3; echo three')
    const times = (await wherry.ok('logs', '-t', 'times')).split('\n').map((line) => line.split(' ')[0]!)
    assert.equal(await wherry.ok('logs', '--since', times[1]!, 'times'), 'two\nthree\n')
    assert.equal(await wherry.ok('logs', '--until', times[1]!, 'times'), 'one still one\ntwo\n')
    assert.equal(await wherry.ok('logs', '--since', times[1]!, '--until', times[1]!, 'times'), 'two\n')
    assert.equal(await wherry.ok('logs', '--since', '1h', '--tail', '1', 'times'), 'three\n')
    assert.equal(await wherry.ok('logs', '--until', '1h', 'times'), '')
    assert.match(await wherry.fails(['logs', '--since', 'yesterday', 'times']), /--since "yesterday": a time like/)
    assert.match(await wherry.fails(['logs', '--tail', 'some', 'times']), /--tail "some": a number of lines, or all/)
  })

  test('follows across rotation, and ends with the container', async () => {
    const flags = ['--log-opt', 'max-size=64k', '--log-opt', 'max-file=3']
    const id = await wherry.startShell(
      'rotating',
      'echo ready; while [ ! -e /tmp/go ]; do sleep 0.02; done; i=0; while [ $i -lt 6000 ]; do i=$((i + 1)); echo a line of some length with the number $i; [ $((i % 500)) = 0 ] && sleep 0.05; done',
      flags,
    )
    const { seen, ended: over } = follow('rotating')
    // who begins late begins with what is still there
    await eventually('it follows', () => seen.stdout === 'ready\n')
    await wherry.ok('exec', 'rotating', 'touch', '/tmp/go')
    assert.equal(await over, 0)
    const lines = seen.stdout.trimEnd().split('\n')
    if (!/some output was replaced/.test(seen.stderr)) assert.equal(lines.length, 6001)
    assert.equal(lines.at(-1), 'a line of some length with the number 6000')
    // what is left is whole from the oldest line on, and in its bounds
    const kept = (await wherry.ok('logs', 'rotating')).trimEnd().split('\n')
    const whole = kept.slice(1)
    assert.deepEqual(whole, lines.slice(lines.length - whole.length))
    const spool = `${wherry.root}/containers/${id}/spool`
    assert.deepEqual(readdirSync(spool).filter((name) => name.startsWith('log.')).length <= 3, true)
    assert.ok(Number(listSpool(spool).at(-1)!.header.sequence) >= 2, 'it was rotated')
    assert.equal(
      await wherry.ok('logs', '-n', '2', 'rotating'),
      'a line of some length with the number 5999\na line of some length with the number 6000\n',
    )
  })

  test('keeps all runs of a container, and follows the one that is on', async () => {
    await ended('again', 'echo run; sleep 0.1; echo end')
    await wherry.ok('start', 'again')
    const { seen, ended: over } = follow('again')
    assert.equal(await over, 0)
    assert.equal(seen.stdout, 'run\nend\nrun\nend\n')
    const past = follow('-n', '1', 'again')
    assert.equal(await past.ended, 0)
    assert.equal(past.seen.stdout, 'end\n')
  })

  test('--until ends the following', async () => {
    await wherry.startShell('ticking', 'while :; do echo tick; sleep 0.1; done')
    const { seen, ended: over } = follow('--until', '-1s', 'ticking')
    assert.equal(await over, 0)
    assert.match(seen.stdout, /^(tick\n)+$/)
  })

  test('Ctrl-C ends the following', async () => {
    await wherry.startShell('quiet', 'echo up; sleep 1000')
    const { child, seen, ended: over } = follow('quiet')
    await eventually('it follows', () => seen.stdout === 'up\n')
    child.kill('SIGINT')
    assert.equal(await over, 130)
  })

  test('a torn record is shown as far as it is there', async () => {
    const id = await ended('torn', 'echo whole; sleep 0.1; echo cut off')
    const spool = `${wherry.root}/containers/${id}/spool`
    const { size } = (await import('node:fs')).statSync(`${spool}/log.0`)
    truncateSync(`${spool}/log.0`, size - 5)
    assert.equal(await wherry.ok('logs', 'torn'), 'whole\ncut')
  })

  test('--log-driver none keeps nothing, and says so', async () => {
    await ended('none', 'echo lost', ['--log-driver', 'none'])
    assert.match(await wherry.fails(['logs', 'none']), /--log-driver none: nothing is kept of its output/)
    assert.equal(await wherry.ok('run', '--rm', '--network', 'none', '--log-driver', 'none', 'busybox', 'echo', 'shown'), 'shown\n')
  })

  test('one that was never started, and none', async () => {
    await wherry.ok('create', '--name', 'fresh', '--network', 'none', 'busybox', 'true')
    assert.equal(await wherry.ok('logs', 'fresh'), '')
    assert.match(await wherry.fails(['logs', 'nothing']), /there is no container "nothing"/)
  })
})
