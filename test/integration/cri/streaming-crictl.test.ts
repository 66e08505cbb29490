/** Kubernetes’ own client in the place of ours: crictl, over both transports. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { endServer, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'
import { PATIENCE } from '../../support/runtime.ts'

const CRICTL = [process.env['WHERRY_TEST_CRICTL'] ?? '', ...(process.env['PATH'] ?? '').split(':').map((folder) => `${folder}/crictl`)]
  .concat(`${process.env['HOME']}/.cache/wherry-rig/bin/crictl`)
  .find((path) => path !== '' && existsSync(path))
const skip = CRICTL === undefined ? 'requires crictl (in PATH, or named by WHERRY_TEST_CRICTL)' : requires('root', 'busybox')

interface Run {
  readonly child: ChildProcess
  stdout: string
  stderr: string
  readonly ended: Promise<number | null>
}

describe('streaming with crictl', { skip }, () => {
  let server: TestServer
  let pod: TestPod
  let idle: string
  before(async () => {
    server = await TestServer.open()
    pod = await TestPod.run(server)
    idle = await pod.start('exec sleep 1000')
  })
  after(() => endServer(server))

  const crictl = (...args: readonly string[]): Run => {
    const child = spawn(CRICTL!, ['--config', '/dev/null', '--runtime-endpoint', `unix:${server.config.socket}`, ...args], {
      cwd: server.folder,
      stdio: 'pipe',
      timeout: PATIENCE,
    })
    const { promise, resolve } = Promise.withResolvers<number | null>()
    const run: Run = { child, stdout: '', stderr: '', ended: promise }
    child.stdin.on('error', () => {})
    child.stdout.on('data', (bytes: Buffer) => {
      run.stdout += bytes.toString()
    })
    child.stderr.on('data', (bytes: Buffer) => {
      run.stderr += bytes.toString()
    })
    child.on('close', resolve)
    return run
  }

  for (const transport of ['spdy', 'websocket']) {
    test(`exec over ${transport}: streams, stdin, exit status`, async () => {
      const run = crictl('exec', '-i', '-r', transport, idle, 'sh', '-c', 'cat; echo error >&2; exit 7')
      run.child.stdin!.end('to the end')
      assert.equal(await run.ended, 1)
      assert.equal(run.stdout, 'to the end')
      assert.match(run.stderr, /^error\n/)
      assert.match(run.stderr, /command terminated with (non-zero )?exit code:? 7|exit code 7/)
      const good = crictl('exec', '-r', transport, idle, 'seq', '300000')
      assert.equal(await good.ended, 0, good.stderr)
      assert.equal(good.stdout, Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(''))
      const bad = crictl('exec', '-r', transport, idle, '/no/such')
      assert.notEqual(await bad.ended, 0)
      assert.match(bad.stderr, /\/no\/such/)
    })

    test(`attach over ${transport}: output from now on, stdin to its end`, async () => {
      const id = await pod.start('while read line; do echo "<$line>"; done; echo bye', { stdin: true, stdinOnce: true })
      const run = crictl('attach', '-i', '-r', transport, id)
      run.child.stdin!.write('one\n')
      await eventually('an answer', () => run.stdout === '<one>\n')
      run.child.stdin!.end('two\n')
      assert.equal(await run.ended, 0, run.stderr)
      assert.equal(run.stdout, '<one>\n<two>\nbye\n')
    })

    test(`port-forward over ${transport}`, async () => {
      const id = await pod.start('exec httpd -f -p 127.0.0.1:18431 -h /www')
      await eventually('it listens', async () => (await pod.exec(id, 'wget -qO- http://127.0.0.1:18431/')).exitCode === 0)
      const run = crictl('port-forward', '-r', transport, pod.id, '0:18431')
      await eventually('it forwards', () => /Forwarding from 127\.0\.0\.1:\d+/.test(run.stdout) || run.child.exitCode !== null)
      const port = /127\.0\.0\.1:(\d+)/.exec(run.stdout)?.[1]
      assert.ok(port !== undefined, run.stderr)
      const pages = await Promise.all(Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${port}/`)).text()))
      assert.deepEqual(new Set(pages), new Set(['hello from a pod\n']))
      run.child.kill('SIGTERM')
      await run.ended
      await server.client.removeContainer({ containerId: id })
    })
  }
})
