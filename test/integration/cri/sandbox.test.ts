/** Pod sandboxes: their life, their namespaces, and what is refused. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { create, type MessageInitShape } from '@bufbuild/protobuf'
import {
  type LinuxPodSandboxConfigSchema,
  NamespaceMode,
  NamespaceOptionSchema,
  PodSandboxConfigSchema,
  PodSandboxState,
  SecurityProfile_ProfileType,
} from '../../../cri/api/api_pb.js'
import { failsWith } from '../../support/cri/client.ts'
import { Spy } from '../../support/cri/cni.ts'
import { CGROUP_PARENT, podConfig, runPod } from '../../support/cri/configs.ts'
import { removeAll, TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountsOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

const INVALID = 3
const NOT_FOUND = 5
const ALREADY_EXISTS = 6
const PRECONDITION = 9

const { POD, CONTAINER, NODE, TARGET } = NamespaceMode

type Linux = Exclude<MessageInitShape<typeof LinuxPodSandboxConfigSchema>, { $typeName: string }>

const options = (network: NamespaceMode, pid: NamespaceMode, ipc: NamespaceMode, more = {}): Linux => ({
  securityContext: { namespaceOptions: create(NamespaceOptionSchema, { network, pid, ipc, ...more }) },
})

const ONE = [{ hostId: 100_000, containerId: 0, length: 65_536 }]

describe('pod sandboxes', { skip: requires('root') }, () => {
  let server: TestServer
  let spy: Spy
  before(async () => {
    server = await TestServer.open({ images: false })
    spy = new Spy(server)
    spy.configure()
  })
  afterEach(() => removeAll(server.client))
  after(async () => {
    await server.close()
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
  })

  const pidOf = async (podSandboxId: string): Promise<number> =>
    JSON.parse((await server.client.podSandboxStatus({ podSandboxId, verbose: true })).info['info']!).pid
  const isOwn = (pid: number, namespace: string): boolean =>
    readlinkSync(`/proc/${pid}/ns/${namespace}`) !== readlinkSync(`/proc/self/ns/${namespace}`)
  const inside = (pid: number, ...argv: readonly string[]): string =>
    execFileSync('nsenter', ['-n', '-u', '-i', '-t', String(pid), ...argv], { encoding: 'utf8' }).trim()
  const nothingLeft = (): void => {
    assert.deepEqual(readdirSync(`${server.config.root}/cri/sandboxes`), [])
    assert.deepEqual(readdirSync(`${server.config.runRoot}/cri/sandboxes`), [])
    assert.deepEqual(
      readdirSync(`${server.config.runRoot}/cri/engine`).filter((name) => !name.startsWith('@')),
      [],
    )
    assert.deepEqual(mountsOf(server.folder), [])
    assert.deepEqual(spy.namespaces(), [])
    assert.deepEqual(
      cgroupsOf(CGROUP_PARENT.slice(1)).filter((folder) => !folder.endsWith(CGROUP_PARENT)),
      [],
    )
  }

  test('is run, told of, stopped and removed, each as often as one likes', async () => {
    const { client } = server
    const config = podConfig(server, 'life', { hostname: 'life', annotations: { note: 'a' }, linux: options(POD, POD, POD) })
    const id = await runPod(client, config)
    assert.match(id, /^[0-9a-f]{64}$/)
    const { status, timestamp } = await client.podSandboxStatus({ podSandboxId: id.slice(0, 12) })
    assert.equal(status?.state, PodSandboxState.SANDBOX_READY)
    assert.deepEqual(status.metadata, config.metadata)
    assert.deepEqual([status.labels, status.annotations], [{ app: 'life' }, { note: 'a' }])
    assert.deepEqual([status.network?.ip, status.network?.additionalIps.map(({ ip }) => ip)], ['10.99.0.9', ['fd00:9::9']])
    assert.deepEqual(
      [status.linux?.namespaces?.options?.network, status.linux?.namespaces?.options?.pid, status.linux?.namespaces?.options?.ipc],
      [POD, POD, POD],
    )
    assert.ok(status.createdAt <= timestamp && timestamp - status.createdAt < 60_000_000_000n)
    assert.ok(statSync(config.logDirectory).isDirectory())
    const pid = await pidOf(id)
    for (const namespace of ['net', 'uts', 'ipc', 'pid', 'mnt']) assert.ok(isOwn(pid, namespace), namespace)
    assert.ok(!isOwn(pid, 'user'))
    assert.equal(inside(pid, 'hostname'), 'life')
    assert.match(inside(pid, 'cat', '/sys/class/net/lo/flags'), /0x9|0x49/, 'loopback is up')
    assert.match(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), new RegExp(`:${CGROUP_PARENT}/${id}$`, 'm'))
    for (let again = 0; again < 2; again++) {
      await client.stopPodSandbox({ podSandboxId: id })
      const stopped = await client.podSandboxStatus({ podSandboxId: id })
      assert.equal(stopped.status?.state, PodSandboxState.SANDBOX_NOTREADY)
      assert.equal(stopped.status.network?.ip, '')
    }
    assert.ok(!existsSync(`/proc/${pid}`))
    for (let again = 0; again < 2; again++) await client.removePodSandbox({ podSandboxId: id })
    await assert.rejects(client.podSandboxStatus({ podSandboxId: id }), failsWith(NOT_FOUND, new RegExp(id)))
    assert.deepEqual((await client.listPodSandbox()).items, [])
    nothingLeft()
  })

  test('unknown ids are nothing to stop or remove', async () => {
    await server.client.stopPodSandbox({ podSandboxId: 'feed' })
    await server.client.removePodSandbox({ podSandboxId: 'feed' })
    await assert.rejects(server.client.podSandboxStatus({ podSandboxId: 'feed' }), failsWith(NOT_FOUND, /there is no pod sandbox feed/))
    await assert.rejects(server.client.updatePodSandboxResources({ podSandboxId: 'feed' }), failsWith(NOT_FOUND, /feed/))
  })

  test('is removed while it runs', async () => {
    const id = await runPod(server.client, podConfig(server, 'running', { linux: options(POD, CONTAINER, POD) }))
    const pid = await pidOf(id)
    await server.client.removePodSandbox({ podSandboxId: id })
    assert.ok(!existsSync(`/proc/${pid}`))
    nothingLeft()
  })

  test('is listed by id, state and labels', async () => {
    const { client } = server
    const [one, two] = [await runPod(client, podConfig(server, 'one')), await runPod(client, podConfig(server, 'two'))]
    await client.stopPodSandbox({ podSandboxId: two })
    const ids = async (filter: object): Promise<string[]> => {
      const listed = (await client.listPodSandbox({ filter })).items.map(({ id }) => id).sort()
      const streamed: string[] = []
      for await (const { podSandboxes } of client.streamPodSandboxes({ filter })) streamed.push(...podSandboxes.map(({ id }) => id))
      assert.deepEqual(streamed.sort(), listed, 'the stream says the same')
      return listed
    }
    assert.deepEqual(await ids({}), [one, two].sort())
    assert.deepEqual(await ids({ id: one.slice(0, 10) }), [one])
    assert.deepEqual(await ids({ id: 'feed' }), [])
    assert.deepEqual(await ids({ state: { state: PodSandboxState.SANDBOX_READY } }), [one])
    assert.deepEqual(await ids({ state: { state: PodSandboxState.SANDBOX_NOTREADY } }), [two])
    assert.deepEqual(await ids({ labelSelector: { app: 'two' } }), [two])
    assert.deepEqual(await ids({ labelSelector: { app: 'two', other: '' } }), [])
    assert.deepEqual(await ids({ id: two, state: { state: PodSandboxState.SANDBOX_READY } }), [])
  })

  test('names are the pod’s while it is there', async () => {
    const { client } = server
    const config = podConfig(server, 'named')
    const id = await runPod(client, config)
    await assert.rejects(client.runPodSandbox({ config }), failsWith(ALREADY_EXISTS, new RegExp(`named_tests_.*_0 is reserved for ${id}`)))
    const next = create(PodSandboxConfigSchema, { ...config, metadata: { ...config.metadata!, attempt: 1 } })
    await runPod(client, next)
    await client.stopPodSandbox({ podSandboxId: id })
    await assert.rejects(client.runPodSandbox({ config }), failsWith(ALREADY_EXISTS, /reserved/), 'also once it is stopped')
    await client.removePodSandbox({ podSandboxId: id })
    await runPod(client, config)
  })

  test('a node’s namespaces are the node’s', async () => {
    const pid = await pidOf(await runPod(server.client, podConfig(server, 'node', { hostname: 'x', linux: options(NODE, NODE, NODE) })))
    for (const namespace of ['net', 'uts', 'ipc']) assert.ok(!isOwn(pid, namespace), namespace)
    assert.ok(isOwn(pid, 'mnt'))
  })

  test('the holder has nothing, may nothing, and reaps', async () => {
    const pid = await pidOf(await runPod(server.client, podConfig(server, 'holder', { linux: options(POD, POD, POD) })))
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    assert.match(status, /^CapEff:\s0+$/m)
    assert.match(status, /^CapBnd:\s0+$/m)
    assert.match(status, /^NoNewPrivs:\s1$/m)
    // the last thing it does is to close all it had
    await eventually('one descriptor', () => readdirSync(`/proc/${pid}/fd`).length === 1)
    assert.equal(readlinkSync(`/proc/${pid}/fd/0`), 'anon_inode:[signalfd]')
    assert.equal(readFileSync(`/proc/${pid}/mountinfo`, 'utf8').trim().split('\n').length, 1)
    // orphans of a shared pid namespace, and signals from inside of it
    execFileSync('nsenter', ['-p', '-t', String(pid), 'sh', '-c', '(sleep 0.05 &) ; kill -TERM 1; kill -KILL 1; kill -CHLD 1'])
    await eventually('no child', () => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8') === '')
    assert.ok(existsSync(`/proc/${pid}`))
  })

  test('a pod whose holder ends is not ready, and can be removed', async () => {
    const { client } = server
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const podSandboxId = await runPod(client, podConfig(server, `ends-${signal.toLowerCase()}`, { linux: options(POD, POD, POD) }))
      const pid = await pidOf(podSandboxId)
      process.kill(pid, signal)
      await eventually('it ends', () => !existsSync(`/proc/${pid}`))
      let state: PodSandboxState | undefined
      do state = (await client.podSandboxStatus({ podSandboxId })).status?.state
      while (state === PodSandboxState.SANDBOX_READY)
      assert.equal(state, PodSandboxState.SANDBOX_NOTREADY)
      await client.stopPodSandbox({ podSandboxId })
      await client.removePodSandbox({ podSandboxId })
      assert.ok(!spy.hasLease(podSandboxId))
    }
    nothingLeft()
  })

  test('sysctls are set in the pod’s namespaces', async () => {
    const linux: Linux = {
      ...options(POD, POD, POD),
      sysctls: { 'net.ipv4.ip_forward': '1', 'kernel/shm_rmid_forced': '1', 'fs.mqueue.msg_max': '77' },
    }
    const pid = await pidOf(await runPod(server.client, podConfig(server, 'sysctls', { linux })))
    assert.equal(
      inside(pid, 'cat', '/proc/sys/net/ipv4/ip_forward', '/proc/sys/kernel/shm_rmid_forced', '/proc/sys/fs/mqueue/msg_max'),
      '1\n1\n77',
    )
    assert.equal(inside(pid, 'cat', '/proc/sys/net/ipv4/ip_unprivileged_port_start'), '0')
  })

  test('a user namespace of its own owns the others', async () => {
    const linux = options(POD, POD, POD, { usernsOptions: { mode: POD, uids: ONE, gids: ONE } })
    const podSandboxId = await runPod(server.client, podConfig(server, 'user', { hostname: 'user', linux }))
    const pid = await pidOf(podSandboxId)
    assert.equal(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().replace(/\s+/g, ' '), '0 100000 65536')
    assert.equal(readFileSync(`/proc/${pid}/gid_map`, 'utf8').trim().replace(/\s+/g, ' '), '0 100000 65536')
    assert.equal(inside(pid, 'hostname'), 'user')
    // who is root of it may change its network
    execFileSync('nsenter', ['-U', '-n', '-t', String(pid), 'ip', 'link', 'add', 'dummy9', 'type', 'veth', 'peer', 'name', 'dummy8'])
    const { status } = await server.client.podSandboxStatus({ podSandboxId })
    assert.deepEqual(
      status?.linux?.namespaces?.options?.usernsOptions?.uids.map(({ hostId }) => hostId),
      [100_000],
    )
  })

  test('resources are written down', async () => {
    const { client } = server
    const podSandboxId = await runPod(client, podConfig(server, 'resources'))
    await client.updatePodSandboxResources({ podSandboxId, overhead: { memoryLimitInBytes: 5n }, resources: { cpuShares: 7n } })
    await server.again()
    const { info } = await server.client.podSandboxStatus({ podSandboxId, verbose: true })
    const { linux } = JSON.parse(info['info']!).config
    assert.deepEqual([linux.overhead, linux.resources], [{ memoryLimitInBytes: '5' }, { cpuShares: '7' }])
    await server.client.stopPodSandbox({ podSandboxId })
    await assert.rejects(server.client.updatePodSandboxResources({ podSandboxId }), failsWith(PRECONDITION, /not ready/))
  })

  test('twenty at once do not keep others waiting, and leave nothing', async () => {
    const { client } = server
    spy.slow('ADD', 0.2)
    try {
      let answered = 0
      let making = true
      const looking = (async () => {
        while (making) {
          await client.status()
          answered += 1
        }
      })()
      const ids = await Promise.all(
        Array.from({ length: 20 }, (_, index) => runPod(client, podConfig(server, `many-${index}`, { linux: options(POD, POD, POD) }))),
      )
      making = false
      await looking
      assert.equal(new Set(ids).size, 20)
      assert.ok(answered >= 5, `${answered} answers meanwhile`)
      await Promise.all(ids.map((podSandboxId) => client.removePodSandbox({ podSandboxId })))
    } finally {
      spy.slow('ADD', 0)
    }
    nothingLeft()
  })

  const refused: readonly (readonly [what: string, more: Parameters<typeof podConfig>[2], field: RegExp])[] = [
    ['no name', { metadata: { name: '', uid: 'u', namespace: 'n', attempt: 0 } }, /config\.metadata\.name: is empty/],
    ['no uid', { metadata: { name: 'n', uid: '', namespace: 'n', attempt: 0 } }, /config\.metadata\.uid: is empty/],
    ['a hostname too long', { hostname: 'x'.repeat(65) }, /config\.hostname/],
    ['a relative log directory', { logDirectory: 'logs' }, /config\.log_directory/],
    ['a name server that is two', { dnsConfig: { servers: ['1.1.1.1\nevil'] } }, /config\.dns_config\.servers\[0\]/],
    ['no port', { portMappings: [{ hostPort: 1, containerPort: 70_000 }] }, /config\.port_mappings\[0\]\.container_port/],
    ['a cgroup parent that is relative', { linux: { cgroupParent: 'a/b' } }, /config\.linux\.cgroup_parent/],
    ['a node’s sysctl', { linux: { ...options(POD, POD, POD), sysctls: { 'vm.swappiness': '1' } } }, /sysctls\["vm\.swappiness"\]/],
    [
      'a network’s sysctl for the node',
      { linux: { ...options(NODE, POD, POD), sysctls: { 'net.core.somaxconn': '1' } } },
      /net\.core\.somaxconn/,
    ],
    ['an ipc sysctl for the node', { linux: { ...options(POD, POD, NODE), sysctls: { 'kernel.shmmax': '1' } } }, /kernel\.shmmax/],
    ['a target for a pod', { linux: options(POD, TARGET, POD) }, /namespace_options\.pid: is TARGET/],
    ['a network per container', { linux: options(CONTAINER, POD, POD) }, /namespace_options\.network: is CONTAINER/],
    [
      'two mappings',
      { linux: options(POD, POD, POD, { usernsOptions: { mode: POD, uids: [...ONE, ...ONE], gids: ONE } }) },
      /userns_options\.uids: has 2 mappings/,
    ],
    [
      'no root',
      { linux: options(POD, POD, POD, { usernsOptions: { mode: POD, uids: [{ hostId: 1000, containerId: 1, length: 9 }], gids: ONE } }) },
      /userns_options\.uids: does not map id 0/,
    ],
    ['no mapping', { linux: options(POD, POD, POD, { usernsOptions: { mode: POD, uids: ONE } }) }, /userns_options\.gids: has 0 mappings/],
    [
      'a user namespace with the node’s network',
      { linux: options(NODE, POD, POD, { usernsOptions: { mode: POD, uids: ONE, gids: ONE } }) },
      /namespace_options\.network: is NODE/,
    ],
    [
      'a mode of user namespaces',
      { linux: options(POD, POD, POD, { usernsOptions: { mode: CONTAINER } }) },
      /userns_options\.mode: is CONTAINER/,
    ],
    [
      'a profile without its name',
      { linux: { securityContext: { seccomp: { profileType: SecurityProfile_ProfileType.Localhost } } } },
      /seccomp\.localhost_ref: is empty/,
    ],
    [
      'a type of profile',
      { linux: { securityContext: { apparmor: { profileType: 9 as SecurityProfile_ProfileType } } } },
      /apparmor\.profile_type: 9/,
    ],
    ['a group without a user', { linux: { securityContext: { runAsGroup: { value: 1n } } } }, /run_as_group/],
  ]
  for (const [what, more, field] of refused)
    test(`refused: ${what}`, async () => {
      await assert.rejects(server.client.runPodSandbox({ config: podConfig(server, 'bad', more) }), failsWith(INVALID, field))
      nothingLeft()
    })

  test('refused: no config, and a handler that there is not', async () => {
    await assert.rejects(server.client.runPodSandbox({}), failsWith(INVALID, /^config: is missing/))
    const config = podConfig(server, 'handler')
    await assert.rejects(server.client.runPodSandbox({ config, runtimeHandler: 'kata' }), failsWith(INVALID, /runtime_handler: .*"kata"/))
    const id = await runPod(server.client, config)
    assert.equal((await server.client.podSandboxStatus({ podSandboxId: id })).status?.runtimeHandler, '')
  })

  test('a pod that the kernel refuses leaves nothing, and its name can be used again', async () => {
    const sysctls = { 'net.ipv4.ip_forward': 'many' }
    const config = podConfig(server, 'again', { linux: { ...options(POD, POD, POD), sysctls } })
    await assert.rejects(server.client.runPodSandbox({ config }), /ip_forward/)
    nothingLeft()
    config.linux!.sysctls = {}
    await runPod(server.client, config)
  })
})
