import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { openPidfd } from '../../runtime/network/relay.ts'
import { startTimer } from '../../runtime/timer.ts'
import { waitFor } from '../support/program.ts'

describe('the timer', () => {
  let folder: string
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'wherry-timer-'))
  })
  after(() => rmSync(folder, { recursive: true }))
  const shell = (script: string) => ({ path: '/bin/sh', argv: ['sh', '-c', script, 'sh', folder], env: ['GREETING=hello'] })

  test('runs a command after a while, with its environment and without our streams', () => {
    const begun = performance.now()
    const pid = startTimer({ delay: 150, ...shell('echo "$GREETING $(readlink /proc/self/fd/0)" > "$1/once"') }, folder)
    assert.deepEqual(waitFor(pid), { status: 0, signal: undefined })
    assert.ok(performance.now() - begun >= 150)
    assert.equal(readFileSync(join(folder, 'once'), 'utf8'), 'hello /dev/null\n')
  })

  test('runs it again until it exits with 0, also when it is killed', () => {
    writeFileSync(join(folder, 'rounds'), '')
    const script = 'echo x >> "$1/rounds"; case $(wc -l < "$1/rounds") in 1) exit 3;; 2) kill -9 $$;; esac'
    assert.deepEqual(waitFor(startTimer({ delay: 10, ...shell(script) }, folder)), { status: 0, signal: undefined })
    assert.equal(readFileSync(join(folder, 'rounds'), 'utf8'), 'x\nx\nx\n')
  })

  test('ends without the command when what it watches ends', async () => {
    const watched = spawn('sleep', ['300'], { stdio: 'ignore' })
    const fd = openPidfd(watched.pid!)
    const pid = startTimer({ delay: 60_000, ...shell('touch "$1/never"'), watched: fd }, folder)
    closeSync(fd)
    await setTimeout(20)
    watched.kill('SIGKILL')
    assert.deepEqual(waitFor(pid), { status: 0, signal: undefined })
    assert.ok(!existsSync(join(folder, 'never')))
  })
})
