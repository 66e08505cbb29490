/** GetContainerEvents. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type ContainerEventResponse, ContainerEventType, ContainerState, PodSandboxState } from '../../../cri/api/api_pb.js'
import { CODE } from '../../../cri/server/codes.ts'
import type { CallError, CriClient } from '../../support/cri/client.ts'
import { containerConfig, podConfig, runPod, startContainer } from '../../support/cri/configs.ts'
import { endServer } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')
const { CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT } = ContainerEventType

/** Everything that is told until `last` says so. */
const collect = (client: CriClient, last: (event: ContainerEventResponse) => boolean): Promise<ContainerEventResponse[]> => {
  const events: ContainerEventResponse[] = []
  const stream = client.getContainerEvents()[Symbol.asyncIterator]()
  // asked for before any other call of this connection
  const first = stream.next()
  return (async () => {
    for (let item = await first; item.done !== true; item = await stream.next()) {
      events.push(item.value)
      if (last(item.value)) break
    }
    await stream.return?.()
    return events
  })()
}

test('the life of a pod and its container', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => endServer(server))
  const { client } = server
  let podId = ''
  const told = collect(client, (event) => event.containerEventType === CONTAINER_DELETED_EVENT && event.containerId === podId)
  const pod = podConfig(server, 'events')
  podId = await runPod(client, pod)
  const containerId = await startContainer(client, podId, containerConfig('c', 'exec sleep 1000'), pod)
  await client.stopContainer({ containerId, timeout: 0n })
  await client.removeContainer({ containerId })
  await client.stopPodSandbox({ podSandboxId: podId })
  await client.removePodSandbox({ podSandboxId: podId })
  const events = await told
  assert.deepEqual(
    events.map(({ containerEventType, containerId: id }) => [ContainerEventType[containerEventType], id === podId ? 'pod' : 'container']),
    [
      ['CONTAINER_CREATED_EVENT', 'pod'],
      ['CONTAINER_STARTED_EVENT', 'pod'],
      ['CONTAINER_CREATED_EVENT', 'container'],
      ['CONTAINER_STARTED_EVENT', 'container'],
      ['CONTAINER_STOPPED_EVENT', 'container'],
      ['CONTAINER_DELETED_EVENT', 'container'],
      ['CONTAINER_STOPPED_EVENT', 'pod'],
      ['CONTAINER_DELETED_EVENT', 'pod'],
    ],
  )
  const times = events.map(({ createdAt }) => createdAt)
  assert.ok(times.every((time, index) => index === 0 || time >= times[index - 1]!))
  const started = events[3]!
  assert.equal(started.podSandboxStatus?.id, podId)
  assert.equal(started.podSandboxStatus.state, PodSandboxState.SANDBOX_READY)
  assert.equal(started.podSandboxStatus.metadata?.uid, pod.metadata!.uid)
  assert.deepEqual(
    started.containersStatuses.map(({ id, state }) => [id, state]),
    [[containerId, ContainerState.CONTAINER_RUNNING]],
  )
  const stopped = events[4]!.containersStatuses[0]!
  assert.deepEqual([stopped.state, stopped.exitCode], [ContainerState.CONTAINER_EXITED, 137])
  assert.deepEqual(events[5]!.containersStatuses, [])
  assert.equal(events[6]!.podSandboxStatus?.state, PodSandboxState.SANDBOX_NOTREADY)
  assert.equal(events[7]!.podSandboxStatus, undefined)
})

test('nothing is left out while pods come and go', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => endServer(server))
  const { client } = server
  const [pods, each] = [8, 3]
  let deleted = 0
  const told = collect(client, ({ containerEventType, containerId, podSandboxStatus }) => {
    if (containerEventType === CONTAINER_DELETED_EVENT && podSandboxStatus === undefined && containerId !== '') deleted += 1
    return deleted === pods * each
  })
  const ids: string[] = []
  await Promise.all(
    Array.from({ length: pods }, async (_, index) => {
      for (let round = 0; round < each; round += 1) {
        const pod = podConfig(server, `churn-${index}-${round}`)
        const podId = await runPod(client, pod)
        const containerId = await startContainer(client, podId, containerConfig('c', 'exit 3'), pod)
        ids.push(podId, containerId)
        await client.stopPodSandbox({ podSandboxId: podId })
        await client.removePodSandbox({ podSandboxId: podId })
      }
    }),
  )
  const events = await told
  for (const id of ids)
    assert.deepEqual(
      events.filter(({ containerId }) => containerId === id).map(({ containerEventType }) => containerEventType),
      [CONTAINER_CREATED_EVENT, CONTAINER_STARTED_EVENT, CONTAINER_STOPPED_EVENT, CONTAINER_DELETED_EVENT],
    )
  assert.equal(events.length, 4 * ids.length)
})

test('the end of the server ends the stream', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => endServer(server))
  const client = server.connect()
  t.after(() => client.close())
  const stream = client.getContainerEvents()[Symbol.asyncIterator]()
  const next = stream.next()
  await client.version()
  await Promise.all([assert.rejects(next, (error: CallError) => error.code === CODE.UNAVAILABLE), server.end()])
})
