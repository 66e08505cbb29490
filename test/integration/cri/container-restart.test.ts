/** Containers whose server is killed: they go on, and the next server knows them. */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { ContainerState } from '../../../cri/api/api_pb.js'
import { CGROUP_PARENT } from '../../support/cri/configs.ts'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf } from '../../support/leftovers.ts'
import { requiresController } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let server: TestServer
let pod: TestPod
before(async () => {
  if (skip) return
  server = await TestServer.open({ child: true })
  pod = await TestPod.run(server)
})
after(() => endServer(server))

const waitFor = (path: string) => eventually(`${path} is there`, () => existsSync(path))

test('running, created and exited containers, and what ended meanwhile', { skip }, async () => {
  const running = await pod.start('echo one; exec sleep 1000')
  const created = await pod.create('echo started later; exit 6')
  const exited = await pod.start('exit 3')
  await pod.ended(exited)
  const before = await Promise.all([running, created, exited].map((id) => pod.status(id)))
  const flag = `${server.folder}/flag`
  const meanwhile = await pod.start('while ! test -e /flag/go; do sleep 0.05; done; echo last words; exit 4', {
    mounts: [{ containerPath: '/flag', hostPath: flag }],
  })
  await server.end('SIGKILL')
  writeFileSync(`${flag}/go`, '')
  await waitFor(`${server.config.root}/cri/containers/${meanwhile}/spool/exit`)
  await server.begin()
  assert.deepEqual(await Promise.all([running, created, exited].map((id) => pod.status(id))), before)
  const ended = await pod.ended(meanwhile)
  assert.deepEqual([ended.exitCode, ended.reason], [4, 'Error'])
  assert.match(readFileSync(ended.logPath, 'utf8'), /stdout F last words\n$/)
  assert.equal((await pod.exec(running, 'echo still')).stdout, 'still\n')
  await server.client.startContainer({ containerId: created })
  assert.equal((await pod.ended(created)).exitCode, 6)
  await server.client.stopContainer({ containerId: running, timeout: 0n })
  assert.equal((await pod.status(running)).exitCode, 137)
})

test('what the OOM killer ended while there was no server', { skip: skip || requiresController('memory') }, async () => {
  const flag = `${server.folder}/oom-flag`
  const id = await pod.start('while ! test -e /flag/go; do sleep 0.05; done; tail /dev/zero', {
    mounts: [{ containerPath: '/flag', hostPath: flag }],
    linux: { resources: { memoryLimitInBytes: 20n * 1024n * 1024n } },
  } as never)
  await server.end('SIGKILL')
  writeFileSync(`${flag}/go`, '')
  await waitFor(`${server.config.root}/cri/containers/${id}/spool/exit`)
  await server.begin()
  assert.equal((await pod.ended(id)).reason, 'OOMKilled')
})

test('exec’d processes that nobody waits for any more are ended', { skip }, async () => {
  const id = await pod.start('exec sleep 1000')
  const folder = `${server.config.runRoot}/cri/containers/${id}/exec`
  const call = pod.exec(id, 'sleep 98711 & exec sleep 98712').catch(() => undefined)
  await eventually('it runs', () => existsSync(folder) && readdirSync(folder).length > 0)
  await eventually('both run', async () => sleepers().length === 2)
  await server.again('SIGKILL')
  await call
  await eventually('they are gone', () => sleepers().length === 0)
  assert.deepEqual(readdirSync(folder), [])
  assert.equal((await pod.status(id)).state, ContainerState.CONTAINER_RUNNING)
})

const sleepers = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    try {
      return /^sleep\0 ?9871[12]\0$/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'))
    } catch {
      return false
    }
  })

test('killed at any moment of creations, starts, stops and removals: nothing half-made stays', { skip }, async () => {
  for (let round = 0; round < 6; round++) {
    const work = Array.from({ length: 6 }, async () => {
      const id = await pod.start('exec sleep 1000')
      await server.client.stopContainer({ containerId: id, timeout: 0n })
      await server.client.removeContainer({ containerId: id })
    })
    const all = Promise.allSettled(work)
    await setTimeout(20 + round * 35)
    await server.again('SIGKILL')
    await all
    const { containers } = await server.client.listContainers({})
    for (const { id, state } of containers) {
      assert.notEqual(state, ContainerState.CONTAINER_UNKNOWN)
      await server.client.removeContainer({ containerId: id })
    }
    assert.deepEqual((await server.client.listContainers({})).containers, [])
    for (const folder of [server.config.root, server.config.runRoot])
      assert.deepEqual(existsSync(`${folder}/cri/containers`) ? readdirSync(`${folder}/cri/containers`) : [], [])
  }
})

test('its keeper is killed: the container ends, and is known to have', { skip }, async () => {
  const id = await pod.start('exec sleep 1000')
  const { info } = await server.client.containerStatus({ containerId: id, verbose: true })
  const { pid } = JSON.parse(info['info']!) as { pid: number }
  const keeper = Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1])
  process.kill(keeper, 'SIGKILL')
  const { exitCode, reason, message } = await pod.ended(id)
  assert.deepEqual([exitCode, reason, message], [255, 'ContainerStatusUnknown', 'its keeper was killed'])
  assert.ok(!existsSync(`/proc/${pid}/exe`))
})

test('the machine was restarted: what ran has exited, what had exited says the same, and all of it can be removed', { skip }, async () => {
  const own = await TestPod.run(server)
  const [running, created, exited] = [await own.start('exec sleep 1000'), await own.create('true'), await own.start('exit 3')]
  const before = await own.ended(exited)
  await server.end('SIGKILL')
  restartMachine()
  await server.begin()
  for (const id of [running, created]) {
    const { state, exitCode, reason } = await own.status(id)
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 255, 'ContainerStatusUnknown'])
  }
  assert.deepEqual(await own.status(exited), before)
  const { details } = await refused(own.create('true'))
  assert.match(details, /is not ready/)
  await server.client.removePodSandbox({ podSandboxId: own.id })
})

/** All processes end, and what dies with the boot is gone; records are of another one. */
const restartMachine = (): void => {
  const pids = cgroupsOf(CGROUP_PARENT.slice(1)).flatMap((folder) =>
    readFileSync(`${folder}/cgroup.procs`, 'utf8').trim().split('\n').filter(Boolean),
  )
  const parents = pids.map((pid) => /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]!)
  const keepers = parents.filter((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8') === 'wherry:keeper\n')
  // keepers first: a machine that stops leaves no records of exits
  for (const pid of new Set([...keepers, ...pids])) process.kill(Number(pid), 'SIGKILL')
  const { root, runRoot } = server.config
  for (const id of readdirSync(`${runRoot}/cri/sandboxes`)) spawnSync('umount', ['-l', `${runRoot}/cri/sandboxes/${id}/shm`])
  rmSync(runRoot, { recursive: true, force: true })
  for (const [kind, file] of [
    ['containers', 'container.json'],
    ['sandboxes', 'sandbox.json'],
  ] as const)
    for (const id of readdirSync(`${root}/cri/${kind}`)) {
      const path = `${root}/cri/${kind}/${id}/${file}`
      writeFileSync(path, JSON.stringify({ ...JSON.parse(readFileSync(path, 'utf8')), boot: 'another-boot' }))
    }
}
