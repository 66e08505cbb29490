/** Limits of containers: the kernel's answers to them, and their changes. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { ContainerState } from '../../../cri/api/api_pb.js'
import { endServer, refused, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { requiresController } from '../../support/machine.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
const needsMemory = skip || requiresController('memory')
const needsCpu = skip || requiresController('cpu')
let server: TestServer
let pod: TestPod
before(async () => {
  if (skip) return
  server = await TestServer.open()
  pod = await TestPod.run(server)
})
after(() => endServer(server))

const MIB = 1024n * 1024n
const v2 = existsSync('/sys/fs/cgroup/cgroup.controllers')
const EATER = 'head -c 200000000 /dev/zero | tail'

/** A file of the container's cgroup. */
const limit = async (containerId: string, controller: string, v1File: string, v2File: string): Promise<string> => {
  const { info } = await server.client.containerStatus({ containerId, verbose: true })
  const { paths } = (JSON.parse(info['info']!) as { cgroup: { paths: Record<string, string> } }).cgroup
  return readFileSync(v2 ? `${paths['']}/${v2File}` : `${paths[controller]}/${v1File}`, 'utf8').trim()
}
const memoryLimit = (id: string) => limit(id, 'memory', 'memory.limit_in_bytes', 'memory.max')

const withMemory = (bytes: bigint) => ({ linux: { resources: { memoryLimitInBytes: bytes } } }) as never

test('what the OOM killer ended is OOMKilled, the first process and any other', { skip: needsMemory }, async () => {
  const own = await pod.ended(await pod.start(`exec ${EATER}`.replace(' | ', ' | exec '), withMemory(20n * MIB)))
  assert.equal(own.reason, 'OOMKilled')
  const child = await pod.ended(await pod.start(`${EATER}; exit 9`, withMemory(20n * MIB)))
  assert.deepEqual([child.reason, child.exitCode], ['OOMKilled', 9])
  const first = await pod.ended(await pod.start('', { command: ['tail', '/dev/zero'], ...(withMemory(20n * MIB) as object) }))
  assert.deepEqual([first.reason, first.exitCode], ['OOMKilled', 137])
  const survived = await pod.ended(await pod.start(`${EATER}; exit 0`, withMemory(20n * MIB)))
  assert.deepEqual([survived.reason, survived.exitCode], ['Completed', 0])
})

test('a container that ends in error without it is no OOMKilled one', { skip: needsMemory }, async () => {
  const { reason, exitCode } = await pod.ended(await pod.start('exit 137', withMemory(64n * MIB)))
  assert.deepEqual([reason, exitCode], ['Error', 137])
})

test('resources are changed, of created and running containers', { skip: needsMemory || needsCpu }, async () => {
  const { client } = server
  const containerId = await pod.create('exec sleep 1000', {
    linux: { resources: { memoryLimitInBytes: 64n * MIB, cpuShares: 512n } },
  } as never)
  assert.equal(await memoryLimit(containerId), String(64n * MIB))
  await client.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 96n * MIB } })
  assert.equal(await memoryLimit(containerId), String(96n * MIB))
  await client.startContainer({ containerId })
  await client.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 128n * MIB, cpuQuota: 50_000n, cpuPeriod: 100_000n } })
  assert.equal(await memoryLimit(containerId), String(128n * MIB))
  assert.equal(await limit(containerId, 'cpu', 'cpu.cfs_quota_us', 'cpu.max'), v2 ? '50000 100000' : '50000')
  const { resources } = await pod.status(containerId)
  assert.deepEqual(
    [resources?.linux?.memoryLimitInBytes, resources?.linux?.cpuQuota, resources?.linux?.cpuShares],
    [128n * MIB, 50_000n, 512n],
  )
})

test('a change that is refused half-way changes nothing', { skip: needsMemory || needsCpu }, async () => {
  const { client } = server
  const containerId = await pod.start('exec sleep 1000', {
    linux: { resources: { memoryLimitInBytes: 64n * MIB, cpuShares: 512n } },
  } as never)
  const { details } = await refused(
    client.updateContainerResources({ containerId, linux: { memoryLimitInBytes: 96n * MIB, cpuShares: 1024n, cpusetCpus: '4000' } }),
  )
  assert.match(details, /cpuset/)
  assert.equal(await memoryLimit(containerId), String(64n * MIB))
  assert.equal(await limit(containerId, 'cpu', 'cpu.shares', 'cpu.weight'), v2 ? '59' : '512')
  assert.equal((await pod.status(containerId)).resources?.linux?.memoryLimitInBytes, 64n * MIB)
})

test('what cannot be changed', { skip: needsMemory }, async () => {
  const { client } = server
  const ended = await pod.start('exit 0')
  await pod.ended(ended)
  const update = (containerId: string, linux: object) => refused(client.updateContainerResources({ containerId, linux }))
  assert.equal((await update(ended, { memoryLimitInBytes: 64n * MIB })).code, 9)
  assert.equal((await update('f'.repeat(64), {})).code, 5)
  const created = await pod.create('true')
  const { code, details } = await update(created, { cpuShares: 1n })
  assert.equal(code, 3)
  assert.match(details, /^linux\.cpu_shares: /)
  assert.equal((await pod.status(created)).state, ContainerState.CONTAINER_CREATED)
})
