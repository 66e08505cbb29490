/** What containers of a pod share, and what its end is for them. */
import assert from 'node:assert/strict'
import { existsSync, readdirSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { ContainerState, NamespaceMode, NamespaceOptionSchema, PodSandboxState } from '../../../cri/api/api_pb.js'
import { failsWith } from '../../support/cri/client.ts'
import { Spy } from '../../support/cri/cni.ts'
import { CGROUP_PARENT, type PodInit } from '../../support/cri/configs.ts'
import { TestPod } from '../../support/cri/pod.ts'
import { removeAll, TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountsOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

const PRECONDITION = 9
const { POD, CONTAINER, NODE, TARGET } = NamespaceMode
const IDS = [{ hostId: 200_000, containerId: 0, length: 65_536 }]

describe('containers of a pod', { skip: requires('root', 'busybox') }, () => {
  let server: TestServer
  before(async () => {
    server = await TestServer.open()
    new Spy(server).configure()
  })
  afterEach(() => removeAll(server.client))
  after(async () => {
    await server.close()
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
  })

  const options = (pid: NamespaceMode, more = {}) => create(NamespaceOptionSchema, { network: POD, pid, ipc: POD, ...more })
  const run = (pid: NamespaceMode, more: PodInit = {}, user = {}): Promise<TestPod> =>
    TestPod.run(server, { linux: { securityContext: { namespaceOptions: options(pid, user) } }, ...more })
  const mode = (pid: NamespaceMode, targetId = '') => ({
    linux: { securityContext: { namespaceOptions: create(NamespaceOptionSchema, { network: POD, pid, ipc: POD, targetId }) } },
  })
  const namespaces = async (pod: TestPod, id: string): Promise<Record<string, string>> => {
    const { stdout } = await pod.exec(id, 'cd /proc/self/ns; for n in *; do echo "$n $(readlink $n)"; done')
    return Object.fromEntries(
      stdout
        .trim()
        .split('\n')
        .map((line) => line.split(' ') as [string, string]),
    )
  }

  for (const [what, user] of [
    ['', {}],
    [', with a user namespace', { usernsOptions: { mode: POD, uids: IDS, gids: IDS } }],
  ] as const)
    test(`share network, ipc, name, memory and pids${what}`, async () => {
      const pod = await run(
        POD,
        { hostname: 'shared', dnsConfig: { servers: ['10.0.0.10'], searches: ['a.local', 'b.local'], options: ['ndots:5'] } },
        user,
      )
      const [one, two] = [await pod.start('exec sleep 1000', mode(POD)), await pod.start('exec sleep 1000', mode(POD))]
      const [first, second] = [await namespaces(pod, one), await namespaces(pod, two)]
      for (const name of ['net', 'ipc', 'uts', 'pid', 'user']) assert.equal(first[name], second[name], name)
      for (const name of ['mnt', 'cgroup']) assert.notEqual(first[name], second[name], name)
      assert.equal((await pod.exec(one, 'hostname; cat /etc/hostname')).stdout, 'shared\nshared\n')
      assert.equal((await pod.exec(one, 'cat /etc/resolv.conf')).stdout, 'search a.local b.local\nnameserver 10.0.0.10\noptions ndots:5\n')
      await pod.exec(one, 'echo from one >/dev/shm/told')
      assert.equal((await pod.exec(two, 'cat /dev/shm/told')).stdout, 'from one\n')
      const size = (await pod.exec(one, "stat -f -c '%b %S' /dev/shm")).stdout.trim().split(' ').map(Number)
      assert.equal(size[0]! * size[1]!, 64 << 20)
      // the holder is the first, and reaps what is left over
      const processes = async () => (await pod.exec(one, 'ps -o pid,comm')).stdout
      assert.match(await processes(), /^\s*1 wherry:holder$/m)
      assert.equal((await processes()).match(/ sleep$/gm)?.length, 2)
      await pod.exec(one, 'sh -c "sleep 0.01 & exec true"')
      await eventually('no zombies', async () => !/^Z/m.test((await pod.exec(one, 'ps -o stat,comm')).stdout))
      // nobody inside ends it
      await pod.exec(one, 'kill -TERM 1; kill -KILL 1; kill -INT 1')
      assert.match(await processes(), /^\s*1 wherry:holder$/m)
    })

  test('have pids as each of them wants them', async () => {
    const pod = await run(CONTAINER)
    const own = await pod.start('exec sleep 1000', mode(CONTAINER))
    const target = await pod.start('exec sleep 1000', mode(TARGET, own))
    const node = await pod.start('exec sleep 1000', mode(NODE))
    const [first, second, third] = [await namespaces(pod, own), await namespaces(pod, target), await namespaces(pod, node)]
    assert.equal(first['pid'], second['pid'])
    assert.notEqual(first['pid'], third['pid'])
    assert.equal((await pod.exec(own, 'cat /proc/1/comm')).stdout, 'sleep\n')
    assert.equal((await pod.exec(node, `test -d /proc/${process.pid}`)).exitCode, 0, 'the node’s processes')
  })

  test('are killed with the pod, and removed with it', async () => {
    const pod = await run(CONTAINER)
    const ids = [await pod.start('trap "" TERM; sleep 1000'), await pod.create('true'), await pod.start('exit 3')]
    await pod.ended(ids[2]!)
    await pod.client.stopPodSandbox({ podSandboxId: pod.id })
    const statuses = await Promise.all(ids.map((id) => pod.status(id)))
    assert.deepEqual(
      statuses.map(({ state, exitCode }) => [state, exitCode]),
      [
        [ContainerState.CONTAINER_EXITED, 137],
        [ContainerState.CONTAINER_EXITED, 137],
        [ContainerState.CONTAINER_EXITED, 3],
      ],
    )
    await assert.rejects(pod.create('true'), failsWith(PRECONDITION, /is not ready/))
    const { containersStatuses } = await pod.client.podSandboxStatus({ podSandboxId: pod.id })
    assert.deepEqual(containersStatuses.map(({ id }) => id).sort(), [...ids].sort())
    await pod.client.removePodSandbox({ podSandboxId: pod.id })
    assert.deepEqual((await pod.client.listContainers({})).containers, [])
    assert.deepEqual(readdirSync(`${server.config.root}/cri/containers`), [])
    assert.deepEqual(mountsOf(server.folder), [])
  })

  test('a pod that is removed while a container is made leaves neither', async () => {
    const pod = await run(CONTAINER)
    const making = Promise.allSettled(Array.from({ length: 4 }, () => pod.start('exec sleep 1000')))
    await pod.client.removePodSandbox({ podSandboxId: pod.id })
    await making
    assert.deepEqual((await pod.client.listContainers({})).containers, [])
    assert.deepEqual((await pod.client.listPodSandbox({})).items, [])
    assert.deepEqual(readdirSync(`${server.config.root}/cri/containers`), [])
    assert.deepEqual(
      readdirSync(`${server.config.runRoot}/cri/engine`).filter((name) => !name.startsWith('@')),
      [],
    )
  })

  test('end with the holder where they share its pids, and go on where they do not', async () => {
    for (const [pid, ends] of [
      [POD, true],
      [CONTAINER, false],
    ] as const) {
      const pod = await run(pid)
      const id = await pod.start('exec sleep 1000', mode(pid))
      const { info } = await pod.client.podSandboxStatus({ podSandboxId: pod.id, verbose: true })
      const holder: number = JSON.parse(info['info']!).pid
      process.kill(holder, 'SIGKILL')
      await eventually('the holder ends', () => !existsSync(`/proc/${holder}`))
      await eventually('not ready', async () => {
        const { status } = await pod.client.podSandboxStatus({ podSandboxId: pod.id })
        return status?.state === PodSandboxState.SANDBOX_NOTREADY
      })
      if (ends) assert.equal((await pod.ended(id)).exitCode, 137)
      else assert.equal((await pod.status(id)).state, ContainerState.CONTAINER_RUNNING)
      await assert.rejects(pod.create('true'), failsWith(PRECONDITION, /is not ready/))
    }
  })
})
