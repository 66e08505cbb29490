/** What containers and pods use, told by CRI, beside what the kernel says. */
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { type ContainerConfig, type Metric, NamespaceMode, type PodSandboxConfig } from '../../../cri/api/api_pb.js'
import { layout } from '../../../runtime/cgroups/layout.ts'
import { failsWith } from '../../support/cri/client.ts'
import { CGROUP_PARENT, containerConfig, podConfig, runPod, startContainer } from '../../support/cri/configs.ts'
import { enterOwnNetwork } from '../../support/cri/machine-network.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

const NOT_FOUND = 5
const MIB = 1n << 20n
const { POD, CONTAINER, NODE } = NamespaceMode

const networkOf = (server: TestServer): string =>
  JSON.stringify({
    cniVersion: '1.0.0',
    name: 'stats',
    plugins: [{ type: 'ptp', ipam: { type: 'host-local', dataDir: `${server.folder}/leases`, ranges: [[{ subnet: '10.97.0.0/24' }]] } }],
  })

/** What a v1 hierarchy or the unified one has of a cgroup. */
const cgroupFile = (controller: string, path: string, file: string): string => {
  const { hierarchies, kind } = layout()
  return readFileSync(`${hierarchies.get(kind === 'v2' ? '' : controller)!.mountPoint}${path}/${file}`, 'utf8')
}

const isV2 = (): boolean => layout().kind === 'v2'

describe('statistics', { skip: requires('root', 'busybox', 'cni-plugins') }, () => {
  let server: TestServer
  let leave: () => void
  let pod: string
  let sandboxConfig: PodSandboxConfig
  let container: string

  const podParent = (name: string): string => `${CGROUP_PARENT}/${name}`
  const add = (config: ContainerConfig): Promise<string> => startContainer(server.client, pod, config, sandboxConfig)
  const statsOf = async (containerId: string) => (await server.client.containerStats({ containerId })).stats!

  before(async () => {
    leave = enterOwnNetwork()
    server = await TestServer.open()
    writeFileSync(`${server.config.cniConfig}/10-stats.conflist`, networkOf(server))
    sandboxConfig = podConfig(server, 'stats', {
      labels: { app: 'stats' },
      annotations: { note: 'a' },
      linux: { cgroupParent: podParent('stats'), securityContext: { namespaceOptions: { network: POD, pid: CONTAINER, ipc: POD } } },
    })
    pod = await runPod(server.client, sandboxConfig)
    container = await add(
      containerConfig(
        'worker',
        'i=0; while [ $i -lt 30000 ]; do i=$((i + 1)); done; head -c 8388608 /dev/zero >/dev/shm/x; exec sleep 1000',
        {
          labels: { role: 'worker' },
          linux: { resources: { memoryLimitInBytes: 64n * MIB, cpuShares: 512n, cpuPeriod: 100_000n, cpuQuota: 150_000n } },
        },
      ),
    )
  })
  after(async () => {
    await server.close()
    leave()
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
  })

  test('CPU time is what the cgroup has used, and its rate comes with a second reading', async () => {
    const first = await statsOf(container)
    assert.deepEqual(
      [first.attributes?.id, first.attributes?.metadata?.name, first.attributes?.labels, first.attributes?.annotations],
      [container, 'worker', { role: 'worker' }, {}],
    )
    assert.ok(first.cpu!.usageCoreNanoSeconds!.value > 0n)
    const path = `${podParent('stats')}/${container}`
    const total = isV2()
      ? BigInt(/usage_usec (\d+)/.exec(cgroupFile('', path, 'cpu.stat'))![1]!) * 1000n
      : BigInt(cgroupFile('cpuacct', path, 'cpuacct.usage'))
    assert.ok(first.cpu!.usageCoreNanoSeconds!.value <= total)
    await eventually('there is a rate', async () => (await statsOf(container)).cpu?.usageNanoCores !== undefined)
    assert.ok((await statsOf(container)).cpu!.usageNanoCores!.value < 4_000_000_000n)
  })

  test('memory: usage, working set, faults, and what is left to the limit', async () => {
    // a tmpfs of the container's is charged to it
    await eventually('the file is there', async () => (await statsOf(container)).memory!.workingSetBytes!.value >= 8n * MIB)
    const { memory } = await statsOf(container)
    assert.ok(memory!.usageBytes!.value >= memory!.workingSetBytes!.value && memory!.usageBytes!.value < 64n * MIB)
    assert.equal(memory!.availableBytes!.value, 64n * MIB - memory!.workingSetBytes!.value)
    assert.ok(memory!.pageFaults!.value > 0n)
    assert.ok(memory!.rssBytes!.value > 0n)
  })

  test('pressure, where the kernel accounts for it', { skip: requires('cgroup_v2') }, async () => {
    const { cpu, memory, io } = await statsOf(container)
    for (const usage of [cpu, memory, io]) {
      assert.ok(usage?.psi?.Some !== undefined && usage.psi.Full !== undefined)
      assert.ok(usage.psi.Some.Avg10 >= 0 && usage.psi.Some.Avg10 <= 100)
    }
    assert.ok(cpu!.psi!.Some!.Total % 1000n === 0n, 'nanoseconds, from microseconds')
  })

  test('what a container has written, in bytes and inodes, with the time of the counting', async () => {
    const before = BigInt(Date.now()) * 1_000_000n
    const writer = await add(
      containerConfig(
        'writer',
        'mkdir /data; for i in 1 2 3; do head -c 1048576 /dev/urandom >/data/$i; done; ln /data/1 /data/same; exec sleep 1000',
      ),
    )
    await server.client.execSync({
      containerId: writer,
      cmd: ['sh', '-c', 'until [ -e /data/same ]; do sleep 0.05; done; sync'],
      timeout: 30n,
    })
    let layer = (await statsOf(writer)).writableLayer
    await eventually('it is counted anew', async () => {
      layer = (await statsOf(writer)).writableLayer
      return layer!.usedBytes!.value >= 3n * MIB
    })
    assert.ok(layer!.usedBytes!.value < 4n * MIB, `${layer!.usedBytes!.value} bytes`)
    // the folder and its three files, beside what every container has
    const { writableLayer: other } = await statsOf(container)
    assert.equal(layer!.inodesUsed!.value - other!.inodesUsed!.value, 4n)
    assert.ok(layer!.timestamp >= before)
    assert.equal(layer!.fsId!.mountpoint, server.config.root)
    await server.client.removeContainer({ containerId: writer })
    await assert.rejects(server.client.containerStats({ containerId: writer }), failsWith(NOT_FOUND, /there is no container/))
  })

  test('a container that has ended uses nothing but its disk', async () => {
    const ended = await add(containerConfig('ended', 'true'))
    await eventually('it has ended', async () => (await statsOf(ended)).cpu === undefined)
    const stats = await statsOf(ended)
    assert.equal(stats.memory, undefined)
    assert.ok(stats.writableLayer !== undefined)
    const { stats: all } = await server.client.listContainerStats({})
    assert.ok(all.some(({ attributes }) => attributes?.id === ended))
    await server.client.removeContainer({ containerId: ended })
  })

  test('lists by id, pod and labels; nothing for what there is not', async () => {
    const { client } = server
    const ids = async (filter: { id?: string; podSandboxId?: string; labelSelector?: Record<string, string> }) =>
      (await client.listContainerStats({ filter })).stats.map(({ attributes }) => attributes!.id)
    assert.deepEqual(await ids({}), [container])
    assert.deepEqual(await ids({ id: container.slice(0, 12) }), [container])
    assert.deepEqual(await ids({ podSandboxId: pod, labelSelector: { role: 'worker' } }), [container])
    assert.deepEqual(await ids({ labelSelector: { role: 'other' } }), [])
    assert.deepEqual(await ids({ id: 'f00' }), [])
    const pods = async (filter: { id?: string; labelSelector?: Record<string, string> }) =>
      (await client.listPodSandboxStats({ filter })).stats.map(({ attributes }) => attributes!.id)
    assert.deepEqual(await pods({}), [pod])
    assert.deepEqual(await pods({ id: pod, labelSelector: { app: 'stats' } }), [pod])
    assert.deepEqual(await pods({ labelSelector: { app: 'none' } }), [])
    await assert.rejects(client.podSandboxStats({ podSandboxId: 'f00' }), failsWith(NOT_FOUND, /there is no pod sandbox/))
  })

  test('a pod: its cgroup, its interfaces, its containers', async () => {
    const { client } = server
    const { stats } = await client.podSandboxStats({ podSandboxId: pod })
    assert.deepEqual([stats!.attributes?.metadata?.name, stats!.attributes?.annotations], ['stats', { note: 'a' }])
    const { cpu, memory, network, process, containers } = stats!.linux!
    assert.deepEqual(
      containers.map(({ attributes }) => attributes!.id),
      [container],
    )
    assert.ok(cpu!.usageCoreNanoSeconds!.value >= containers[0]!.cpu!.usageCoreNanoSeconds!.value)
    assert.ok(memory!.usageBytes!.value >= 8n * MIB)
    // the holder of the namespaces, and sleep
    assert.equal(process!.processCount!.value, 2n)
    assert.deepEqual(
      network!.interfaces.map(({ name }) => name),
      ['eth0'],
    )
    const own = async (): Promise<bigint[]> => {
      const { stdout } = await client.execSync({ containerId: container, cmd: ['cat', '/proc/net/dev'], timeout: 10n })
      const counters = /eth0:(.*)/.exec(Buffer.from(stdout).toString())![1]!.trim().split(/\s+/).map(BigInt)
      return [counters[0]!, counters[8]!]
    }
    const [received, sent] = await own()
    await client.execSync({ containerId: container, cmd: ['ping', '-c', '1', '-W', '1', '10.97.0.1'], timeout: 10n })
    const { stats: later } = await client.podSandboxStats({ podSandboxId: pod })
    const [receivedLater, sentLater] = await own()
    const eth0 = later!.linux!.network!.defaultInterface!
    assert.ok(eth0.rxBytes!.value >= received! && eth0.rxBytes!.value <= receivedLater!)
    assert.ok(eth0.txBytes!.value > sent! && eth0.txBytes!.value <= sentLater!)
  })

  test("a pod on the node's network has no interfaces, and one without a cgroup parent is the sum of its parts", async () => {
    const { client } = server
    const config = podConfig(server, 'plain', {
      linux: { securityContext: { namespaceOptions: { network: NODE, pid: CONTAINER, ipc: POD } } },
    })
    config.linux!.cgroupParent = ''
    const id = await runPod(client, config)
    try {
      await startContainer(client, id, containerConfig('one', 'exec sleep 1000'), config)
      const { stats } = await client.podSandboxStats({ podSandboxId: id })
      const { cpu, memory, network, process, containers } = stats!.linux!
      assert.equal(network, undefined)
      assert.equal(process!.processCount!.value, 2n)
      assert.ok(cpu!.usageCoreNanoSeconds!.value >= containers[0]!.cpu!.usageCoreNanoSeconds!.value)
      assert.ok(memory!.workingSetBytes!.value >= containers[0]!.memory!.workingSetBytes!.value)
    } finally {
      await client.stopPodSandbox({ podSandboxId: id })
      const { stats } = await client.podSandboxStats({ podSandboxId: id })
      assert.equal(stats!.linux!.cpu, undefined)
      assert.deepEqual((await client.listPodSandboxStats({ filter: { id } })).stats, [])
      await client.removePodSandbox({ podSandboxId: id })
    }
  })

  test('streams tell what lists tell', async () => {
    const { client } = server
    const streamed = await Array.fromAsync(client.streamContainerStats({}))
    assert.deepEqual(
      streamed.flatMap(({ containerStats }) => containerStats.map(({ attributes }) => attributes!.id)),
      (await client.listContainerStats({})).stats.map(({ attributes }) => attributes!.id),
    )
    const pods = await Array.fromAsync(client.streamPodSandboxStats({ filter: { id: pod } }))
    assert.deepEqual(
      pods.flatMap(({ podSandboxStats }) => podSandboxStats.map(({ attributes }) => attributes!.id)),
      [pod],
    )
    const metrics = await Array.fromAsync(client.streamPodSandboxMetrics({}))
    assert.deepEqual(
      metrics.flatMap(({ podSandboxMetrics }) => podSandboxMetrics.map(({ podSandboxId }) => podSandboxId)),
      [pod],
    )
  })

  describe('metrics', () => {
    const labelled = async (): Promise<{
      pod: Metric[]
      container: (id: string) => Metric[]
      labelsOf: (metric: Metric) => Record<string, string>
    }> => {
      const { descriptors } = await server.client.listMetricDescriptors({})
      const { podMetrics } = await server.client.listPodSandboxMetrics({})
      const found = podMetrics.find(({ podSandboxId }) => podSandboxId === pod)!
      const labelsOf = ({ name, labelValues }: Metric): Record<string, string> => {
        const keys = descriptors.find((one) => one.name === name)!.labelKeys
        assert.equal(labelValues.length, keys.length, name)
        return Object.fromEntries(keys.map((key, at) => [key, labelValues[at]!]))
      }
      for (const metric of [...found.metrics, ...found.containerMetrics.flatMap(({ metrics }) => metrics)]) labelsOf(metric)
      return {
        pod: found.metrics,
        container: (id) => found.containerMetrics.find(({ containerId }) => containerId === id)?.metrics ?? [],
        labelsOf,
      }
    }

    test('have the names and labels of cAdvisor’s, and each a descriptor', async () => {
      const { pod: ofPod, container: ofContainer, labelsOf } = await labelled()
      const metrics = ofContainer(container)
      const value = (name: string): bigint | undefined => metrics.find((metric) => metric.name === name)?.value?.value
      assert.equal(value('container_spec_memory_limit_bytes'), 64n * MIB)
      assert.equal(value('container_spec_cpu_shares'), 512n)
      assert.equal(value('container_spec_cpu_quota'), 150_000n)
      assert.equal(value('container_processes'), 1n)
      assert.equal(value('container_oom_events_total'), 0n)
      assert.ok(value('container_memory_working_set_bytes')! >= 8n * MIB)
      assert.ok(value('container_file_descriptors')! >= 3n)
      assert.ok(value('container_fs_usage_bytes') !== undefined && value('container_fs_limit_bytes')! > 0n)
      const now = BigInt(Math.floor(Date.now() / 1000))
      assert.ok(value('container_start_time_seconds')! <= now && value('container_start_time_seconds')! > now - 600n)
      assert.deepEqual(labelsOf(metrics.find(({ name }) => name === 'container_cpu_usage_seconds_total')!), {
        container: 'worker',
        cpu: 'total',
        id: `${podParent('stats')}/${container}`,
        image: 'registry.test/busybox:latest',
        name: container,
        namespace: 'tests',
        pod: 'stats',
      })
      const network = ofPod.find(({ name }) => name === 'container_network_transmit_packets_total')!
      assert.deepEqual([labelsOf(network)['interface'], labelsOf(network)['container'], labelsOf(network)['pod']], ['eth0', 'POD', 'stats'])
    })

    test('count processes that were killed because memory ran out', async () => {
      const hungry = await add(
        containerConfig('hungry', '(tail /dev/zero); exec sleep 1000', { linux: { resources: { memoryLimitInBytes: 16n * MIB } } }),
      )
      await eventually('one was killed', async () => {
        const { container: ofContainer } = await labelled()
        return ofContainer(hungry).find(({ name }) => name === 'container_oom_events_total')?.value?.value === 1n
      })
      await server.client.stopContainer({ containerId: hungry, timeout: 0n })
      await server.client.removeContainer({ containerId: hungry })
    })
  })
})
