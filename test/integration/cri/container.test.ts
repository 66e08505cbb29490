/** Containers of pods: their life, and what a client sees of it. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ContainerState, NamespaceMode } from '../../../cri/api/api_pb.js'
import { BUSYBOX } from '../../support/cri/images.ts'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
let server: TestServer
let pod: TestPod
before(async () => {
  if (skip) return
  server = await TestServer.open()
  pod = await TestPod.run(server)
})
after(() => endServer(server))

const CODE = { invalid: 3, notFound: 5, exists: 6, precondition: 9 }

test('a container is created, started, stopped and removed', { skip }, async () => {
  const { client } = server
  const containerId = await pod.create('trap "exit 3" TERM; while :; do sleep 0.05; done')
  const created = await pod.status(containerId)
  assert.equal(created.state, ContainerState.CONTAINER_CREATED)
  assert.deepEqual([created.startedAt, created.finishedAt, created.reason], [0n, 0n, ''])
  await client.startContainer({ containerId })
  const running = await pod.status(containerId)
  assert.equal(running.state, ContainerState.CONTAINER_RUNNING)
  assert.ok(running.startedAt >= running.createdAt)
  await client.stopContainer({ containerId, timeout: 60n })
  const ended = await pod.status(containerId)
  assert.deepEqual([ended.state, ended.exitCode, ended.reason], [ContainerState.CONTAINER_EXITED, 3, 'Error'])
  assert.ok(ended.finishedAt >= ended.startedAt)
  await client.stopContainer({ containerId, timeout: 0n })
  await client.removeContainer({ containerId })
  assert.equal((await refused(client.containerStatus({ containerId }))).code, CODE.notFound)
  await client.stopContainer({ containerId, timeout: 0n })
  await client.removeContainer({ containerId })
})

test('exit codes, reasons and times', { skip }, async () => {
  const done = await pod.ended(await pod.start('exit 0'))
  assert.deepEqual([done.exitCode, done.reason, done.message], [0, 'Completed', ''])
  assert.ok(done.createdAt <= done.startedAt && done.startedAt <= done.finishedAt)
  const failed = await pod.ended(await pod.start('exit 42'))
  assert.deepEqual([failed.exitCode, failed.reason], [42, 'Error'])
  const killed = await pod.ended(await pod.start('kill -9 $$'))
  assert.ok(killed.exitCode === 137 || killed.exitCode === 0, 'a first process does not kill itself')
})

test('a command that is not there fails when it is started, and that is a run', { skip }, async () => {
  const { client } = server
  for (const [args, problem] of [
    [['no-such-command'], /executable file not found in \$PATH/],
    [['/no/such/program'], /\/no\/such\/program.*ENOENT/],
    [['/etc/passwd'], /EACCES/],
  ] as const) {
    const containerId = await pod.create('', { command: [...args], args: [] })
    const created = await pod.status(containerId)
    assert.equal(created.state, ContainerState.CONTAINER_CREATED)
    const error = await refused(client.startContainer({ containerId }))
    assert.match(error.details, problem)
    const { state, exitCode, reason, message, startedAt, finishedAt } = await pod.status(containerId)
    assert.deepEqual([state, exitCode, reason], [ContainerState.CONTAINER_EXITED, 128, 'StartError'])
    assert.match(message, problem)
    assert.ok(startedAt > 0n && finishedAt >= startedAt)
    assert.equal((await refused(client.startContainer({ containerId }))).code, CODE.precondition)
    await client.removeContainer({ containerId })
  }
})

test('a timeout of 0 kills at once; a signal that is ignored is followed by SIGKILL', { skip }, async () => {
  const stubborn = 'trap "" TERM; while :; do sleep 0.05; done'
  for (const timeout of [0n, 1n]) {
    const containerId = await pod.start(stubborn)
    await server.client.stopContainer({ containerId, timeout })
    const { exitCode, reason } = await pod.status(containerId)
    assert.deepEqual([exitCode, reason], [137, 'Error'])
  }
})

test('a program that is none', { skip }, async () => {
  const file = `${server.folder}/no-program`
  writeFileSync(file, 'neither ELF nor script', { mode: 0o755 })
  const containerId = await pod.create('', { command: ['/mnt/program'], mounts: [{ containerPath: '/mnt/program', hostPath: file }] })
  assert.match((await refused(server.client.startContainer({ containerId }))).details, /ENOEXEC/)
  const status = await pod.status(containerId)
  assert.deepEqual([status.state, status.exitCode, status.reason], [ContainerState.CONTAINER_EXITED, 128, 'StartError'])
  assert.match(status.message, /ENOEXEC/)
  assert.equal((await refused(server.client.startContainer({ containerId }))).code, CODE.precondition)
})

test('names are reserved in their pod; what failed takes none and leaves nothing', { skip }, async () => {
  const { client, config } = server
  const metadata = { name: 'only-one', attempt: 7 }
  const containerId = await pod.create('sleep 1', { metadata })
  const again = await refused(pod.create('sleep 1', { metadata }))
  assert.equal(again.code, CODE.exists)
  assert.match(again.details, new RegExp(containerId))
  await client.removeContainer({ containerId })
  const before = readdirSync(`${config.root}/cri/containers`)
  const missing = await refused(pod.create('sleep 1', { metadata, image: { image: 'registry.test/none:1' } }))
  assert.equal(missing.code, CODE.notFound)
  assert.match(missing.details, /registry.test\/none:1/)
  const unknownUser = await refused(
    pod.create('sleep 1', { metadata, linux: { securityContext: { runAsUsername: 'nobody-knows' } } } as never),
  )
  assert.equal(unknownUser.code, CODE.notFound)
  assert.deepEqual(readdirSync(`${config.root}/cri/containers`), before)
  await client.removeContainer({ containerId: await pod.create('sleep 1', { metadata }) })
})

test('lists with filters', { skip }, async () => {
  const { client } = server
  const labels = { app: 'listed', tier: 'one' }
  const ids = [await pod.create('sleep 1', { labels }), await pod.start('sleep 1000', { labels: { ...labels, tier: 'two' } })]
  const list = async (filter: Parameters<typeof client.listContainers>[0]) =>
    (await client.listContainers(filter)).containers.map(({ id }) => id).sort()
  assert.deepEqual(await list({ filter: { labelSelector: { app: 'listed' } } }), ids.toSorted())
  assert.deepEqual(await list({ filter: { labelSelector: labels } }), [ids[0]])
  assert.deepEqual(await list({ filter: { id: ids[0]!.slice(0, 20) } }), [ids[0]])
  assert.deepEqual(await list({ filter: { labelSelector: { app: 'listed' }, state: { state: ContainerState.CONTAINER_RUNNING } } }), [
    ids[1],
  ])
  assert.deepEqual(await list({ filter: { podSandboxId: 'f'.repeat(64) } }), [])
  const [item] = (await client.listContainers({ filter: { id: ids[0]! } })).containers
  assert.deepEqual([item?.podSandboxId, item?.image?.image, item?.labels], [pod.id, BUSYBOX, labels])
  assert.match(item!.imageId, /^sha256:/)
  for (const containerId of ids) await client.removeContainer({ containerId })
})

test('verbose information, image and log path', { skip }, async () => {
  const containerId = await pod.start('echo to the log; sleep 1000', { logPath: 'dir/0.log', annotations: { note: 'x' } })
  const { status, info } = await server.client.containerStatus({ containerId, verbose: true })
  assert.equal(status?.image?.image, BUSYBOX)
  assert.equal(status?.logPath, `${pod.config.logDirectory}/dir/0.log`)
  assert.deepEqual(status?.annotations, { note: 'x' })
  assert.deepEqual(status?.user?.linux?.uid, 0n)
  const said = JSON.parse(info['info']!) as { pid: number; sandboxID: string; runtimeSpec: { process: { args: string[] } } }
  assert.equal(said.sandboxID, pod.id)
  assert.ok(existsSync(`/proc/${said.pid}`))
  assert.deepEqual(said.runtimeSpec.process.args.slice(0, 2), ['sh', '-c'])
  await eventually('its line is in the log', () => existsSync(status!.logPath) && readFileSync(status!.logPath).length > 0)
  await server.client.stopContainer({ containerId, timeout: 0n })
  assert.match(readFileSync(status!.logPath, 'utf8'), /^\S+ stdout F to the log\n$/)
})

test('the end of a pod is the end of its containers', { skip }, async () => {
  const { client } = server
  const other = await TestPod.run(server)
  const [running, created] = [await other.start('sleep 1000'), await other.create('sleep 1000')]
  await client.stopPodSandbox({ podSandboxId: other.id })
  assert.equal((await other.status(running)).exitCode, 137)
  assert.equal((await other.status(created)).state, ContainerState.CONTAINER_EXITED)
  assert.equal((await refused(other.create('sleep 1'))).code, CODE.precondition)
  await client.removePodSandbox({ podSandboxId: other.id })
  assert.equal((await refused(client.containerStatus({ containerId: running }))).code, CODE.notFound)
})

test('in a pid namespace of the pod: what a container leaves behind ends with it', { skip }, async () => {
  const namespaceOptions = { network: NamespaceMode.NODE, pid: NamespaceMode.POD }
  const linux = { securityContext: { namespaceOptions } }
  const other = await TestPod.run(server, { linux } as never)
  const config = { linux } as never
  const watching = await other.start('exec sleep 1000', config)
  const leaving = await other.start('sleep 98701 & exec sleep 98702', config)
  const sleepers = async () => (await other.exec(watching, 'ps -o args | grep -c "^sleep 9870"')).stdout.trim()
  await eventually('both run', async () => (await sleepers()) === '2')
  await server.client.stopContainer({ containerId: leaving, timeout: 60n })
  assert.equal((await other.status(leaving)).exitCode, 143)
  assert.equal(await sleepers(), '0')
  const alone = await other.ended(await other.start('sleep 98703 & exit 3', config))
  assert.equal(alone.exitCode, 3)
  assert.equal(await sleepers(), '0')
})

test('who leaves while a container is made leaves nothing half-made', { skip }, async () => {
  const { client, config } = server
  const folders = () => readdirSync(`${config.root}/cri/containers`).sort()
  const before = folders()
  await Promise.all(
    Array.from({ length: 16 }, async (_, index) => {
      const metadata = { name: `leaving-${index}`, attempt: 0 }
      const request = { podSandboxId: pod.id, config: { metadata, image: { image: BUSYBOX }, command: ['sleep', '1000'] } }
      await client.createContainer(request, { signal: AbortSignal.timeout(2 + index * 3) }).catch(() => {})
    }),
  )
  const made = async () => (await client.listContainers({})).containers
  // what was complete when its client left is there; all else goes
  await eventually('nothing is under way', async () => (await made()).length === folders().length)
  for (const { id, metadata, state } of await made()) {
    if (metadata?.name.startsWith('leaving-') !== true) continue
    assert.equal(state, ContainerState.CONTAINER_CREATED)
    await client.removeContainer({ containerId: id })
  }
  assert.deepEqual(folders(), before)
})

test('many at once', { skip }, async () => {
  const { client } = server
  const ids = await Promise.all(Array.from({ length: 12 }, () => pod.start('exit 5')))
  const ends = await Promise.all(ids.map((id) => pod.ended(id)))
  assert.deepEqual(new Set(ends.map(({ exitCode }) => exitCode)), new Set([5]))
  await Promise.all(ids.map((containerId) => client.removeContainer({ containerId })))
})
