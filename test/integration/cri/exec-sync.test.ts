/** ExecSync: what a command says, how it ends, and what becomes of those that nobody waits for. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let server: TestServer
let pod: TestPod
let containerId: string
before(async () => {
  if (skip) return
  server = await TestServer.open()
  pod = await TestPod.run(server)
  containerId = await pod.start('exec sleep 10000')
})
after(() => endServer(server))

const CODE = { cancelled: 1, invalid: 3, deadline: 4, notFound: 5, precondition: 9 }
const MIB = 1024 * 1024

/** Processes of the machine whose command line has this word. */
const processesWith = (word: string): number[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0').includes(word)
      } catch {
        return false
      }
    })
    .map(Number)

test('output, errors and exit codes', { skip }, async () => {
  assert.deepEqual(await pod.exec(containerId, 'echo out; echo err >&2; exit 7'), { stdout: 'out\n', stderr: 'err\n', exitCode: 7 })
  assert.deepEqual(await pod.exec(containerId, 'kill -9 $$'), { stdout: '', stderr: '', exitCode: 137 })
  const { stdout } = await server.client.execSync({ containerId, cmd: ['head', '-c', '100000', '/dev/zero'], timeout: 0n })
  assert.deepEqual(Buffer.from(stdout), Buffer.alloc(100_000))
  assert.deepEqual((await pod.exec(containerId, 'cat; echo over')).stdout, 'over\n')
})

test('many at once, and nothing of them stays', { skip }, async () => {
  const all = await Promise.all(Array.from({ length: 20 }, (_, index) => pod.exec(containerId, `echo ${index}`)))
  assert.deepEqual(
    all.map(({ stdout }) => stdout.trim()),
    Array.from({ length: 20 }, (_, index) => String(index)),
  )
  assert.deepEqual(readdirSync(`${server.config.runRoot}/cri/containers/${containerId}/exec`), [])
})

test('what stays in the background is not waited for', { skip }, async () => {
  const word = '98761'
  const { stdout, exitCode } = await pod.exec(containerId, `sleep ${word} & echo started`)
  assert.deepEqual([stdout, exitCode], ['started\n', 0])
  await pod.exec(containerId, `pkill -f ${word} || killall sleep`)
})

test('when its time is over all of it is killed: children, sessions of the same tree, what ignores signals', { skip }, async () => {
  const words = ['98771', '98772', '98773']
  const script = `trap "" TERM; sleep ${words[0]} & (sleep ${words[1]} & sleep ${words[2]}) & wait; wait`
  const { code, details } = await refused(pod.exec(containerId, script, 1))
  assert.equal(code, CODE.deadline)
  assert.match(details, /timed out/)
  await eventually('nothing of it is left', () => words.every((word) => processesWith(word).length === 0))
  assert.equal((await pod.exec(containerId, 'echo still there')).stdout, 'still there\n')
})

test('who leaves ends it', { skip }, async () => {
  const word = '98781'
  const leaving = new AbortController()
  const over = refused(server.client.execSync({ containerId, cmd: ['sleep', word], timeout: 0n }, { signal: leaving.signal }))
  await eventually('it runs', () => processesWith(word).length > 0)
  leaving.abort()
  assert.equal((await over).code, CODE.cancelled)
  await eventually('it is gone', () => processesWith(word).length === 0)
})

test('more output than a message takes is cut, and says so', { skip }, async () => {
  const { stdout, stderr, exitCode } = await server.client.execSync({
    containerId,
    cmd: ['sh', '-c', `head -c ${20 * MIB} /dev/zero; echo told >&2; exit 3`],
    timeout: 60n,
  })
  assert.equal(exitCode, 3)
  assert.ok(stdout.length < 16 * MIB && stdout.length > 15 * MIB, String(stdout.length))
  assert.match(Buffer.from(stdout.subarray(-100)).toString('latin1'), /\[output cut: it is more than 16 MiB\]\n$/)
  assert.ok(stdout.length + stderr.length < 16 * MIB)
})

test('what cannot be executed, and where nothing can be', { skip }, async () => {
  const { client } = server
  const run = (id: string, cmd: string[]) => refused(client.execSync({ containerId: id, cmd, timeout: 5n }))
  assert.match((await run(containerId, ['/no/such'])).details, /\/no\/such.*ENOENT/)
  assert.deepEqual(await run('f'.repeat(64), ['true']).then(({ code }) => code), CODE.notFound)
  const empty = await run(containerId, [])
  assert.equal(empty.code, CODE.invalid)
  assert.match(empty.details, /^cmd: /)
  const created = await pod.create('true')
  assert.equal((await run(created, ['true'])).code, CODE.precondition)
  const ended = await pod.start('exit 0')
  await pod.ended(ended)
  assert.equal((await run(ended, ['true'])).code, CODE.precondition)
})

test('as the container’s user, with its limits and environment', { skip }, async () => {
  const id = await pod.start('exec sleep 1000', {
    envs: [{ key: 'OWN', value: Buffer.from('1') }],
    workingDir: '/tmp',
    linux: { securityContext: { runAsUser: { value: 1000n }, noNewPrivs: true } },
  } as never)
  const { stdout } = await pod.exec(id, 'id -u; pwd; echo $OWN; grep NoNewPrivs /proc/self/status; echo again > /dev/stdout')
  assert.equal(stdout, '1000\n/tmp\n1\nNoNewPrivs:\t1\nagain\n')
})

test('a container that ends takes its exec’d processes along', { skip }, async () => {
  const id = await pod.start('exec sleep 1000')
  const running = pod.exec(id, 'sleep 98791')
  await eventually('it runs', () => processesWith('98791').length > 0)
  await server.client.stopContainer({ containerId: id, timeout: 0n })
  assert.equal((await running).exitCode, 137)
})
