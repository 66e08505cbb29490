/** Containers of pods: their life, and what a client sees of it. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ContainerState } from '../../../cri/api/api_pb.js'
import { containerConfig, podConfig, runPod, startContainer } from '../../support/cri/configs.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

test('a container is created, started, stopped and removed', { skip }, async (t) => {
  const server = await TestServer.open()
  t.after(() => server.close())
  const { client } = server
  const pod = podConfig(server, 'life')
  const podId = await runPod(client, pod)
  const config = containerConfig('c', 'echo hello; exec sleep 1000')
  const containerId = await startContainer(client, podId, config, pod)
  const { status } = await client.containerStatus({ containerId })
  assert.equal(status?.state, ContainerState.CONTAINER_RUNNING)
  await client.stopContainer({ containerId, timeout: 0n })
  const after = (await client.containerStatus({ containerId })).status!
  assert.equal(after.state, ContainerState.CONTAINER_EXITED)
  assert.equal(after.exitCode, 137)
  await client.removeContainer({ containerId })
  await client.removePodSandbox({ podSandboxId: podId })
})
