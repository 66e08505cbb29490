import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { FORWARDED } from '../../../cli/oci/foreground/signals.ts'

const LAUNCHER = fileURLToPath(new URL('../../../bin/wherry-oci', import.meta.url))
/** The flags that Node has when the door runs: some change what signals do. */
const [, flags = ''] = /^flags='(.*)'$/m.exec(readFileSync(LAUNCHER, 'utf8')) ?? []

const PROGRAM = `
import { spawn } from 'node:child_process'
import { forwardSignals } from '${new URL('../../../cli/oci/foreground/signals.ts', import.meta.url).href}'
const forwarding = forwardSignals(() => {})
process.kill(process.pid, 'SIGUSR2') // before it is known for whom
await new Promise((resolve) => setTimeout(resolve, 20))
const script = 'for name in $NAMES; do trap "echo $name" $name; done; echo up; while :; do sleep 0.05; done'
const child = spawn('bash', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'], env: { ...process.env, NAMES: process.argv.slice(1).join(' ') } })
child.stdout.on('data', (text) => {
  process.stdout.write(text)
  if (String(text).startsWith('up')) forwarding.to(child.pid)
})
`

test('all signals that can be forwarded reach the process, those that came early too', { timeout: 60_000 }, async () => {
  // bash leaves its own alone
  const names = FORWARDED.filter((name) => !['SIGTSTP', 'SIGCONT', 'SIGSTKFLT', 'SIGABRT'].includes(name))
  const door = spawn(process.execPath, [...flags.split(' '), '--input-type=module', '--eval', PROGRAM, ...names], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  const line = async (wanted: string): Promise<void> => {
    while (!text.split('\n').includes(wanted)) {
      const [chunk] = (await once(door.stdout, 'data')) as [Buffer]
      text += String(chunk)
    }
  }
  try {
    await line('up')
    await line('SIGUSR2')
    for (const name of names.filter((other) => other !== 'SIGUSR2')) {
      door.kill(name as NodeJS.Signals)
      await line(name)
    }
    assert.equal(door.exitCode, null, 'none of them has ended the program itself')
  } finally {
    const children = readFileSync(`/proc/${door.pid}/task/${door.pid}/children`, 'utf8').split(' ').filter(Boolean)
    door.kill('SIGKILL')
    for (const pid of children) process.kill(Number(pid), 'SIGKILL')
  }
})
