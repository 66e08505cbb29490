/** Pods' networks by CNI: with Debian's plugins and with one that tells what it was told, in a network namespace of the test's own. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, readlinkSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { after, afterEach, before, describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema, type PodSandboxConfig, PodSandboxState } from '../../../cri/api/api_pb.js'
import { failsWith } from '../../support/cri/client.ts'
import { Spy } from '../../support/cri/cni.ts'
import { CGROUP_PARENT, podConfig, runPod } from '../../support/cri/configs.ts'
import { enterOwnNetwork } from '../../support/cri/machine-network.ts'
import { removeAll, TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountsOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'

const CANCELLED = 1
const DEADLINE = 4
const PRECONDITION = 9
const UNAVAILABLE = 14

describe('pod networks', { skip: requires('root', 'busybox', 'cni-plugins', 'iptables') }, () => {
  let leave: () => void
  let server: TestServer
  let spy: Spy
  before(async () => {
    leave = enterOwnNetwork()
    server = await TestServer.open({ images: false })
    spy = new Spy(server)
  })
  afterEach(async () => {
    for (const command of ['ADD', 'DEL', 'CHECK', 'GC', 'STATUS']) {
      spy.fail(command, undefined)
      spy.slow(command, 0)
    }
    spy.give(false)
    await removeAll(server.client)
    rmSync(server.config.cniConfig, { recursive: true, force: true })
    mkdirSync(server.config.cniConfig)
    rmSync(`${server.folder}/plugins/calls`, { force: true })
  })
  after(async () => {
    await server.close()
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
    leave()
  })

  const pod = (name: string, more: Parameters<typeof podConfig>[2] = {}): PodSandboxConfig =>
    podConfig(server, name, {
      linux: { securityContext: { namespaceOptions: create(NamespaceOptionSchema, { pid: NamespaceMode.CONTAINER }) } },
      ...more,
    })
  const networkReady = async () => (await server.client.status()).status!.conditions.find(({ type }) => type === 'NetworkReady')!
  const leases = (): string[] => readdirSync(`${server.folder}/leases/real`).filter((name) => /^(10|fd)/.test(name))
  const nothingLeft = (): void => {
    assert.deepEqual(readdirSync(`${server.config.root}/cri/cni`), [])
    assert.deepEqual(spy.namespaces(), [])
    assert.deepEqual(mountsOf(server.folder), [])
    assert.deepEqual(readdirSync(`${server.config.root}/cri/sandboxes`), [])
  }

  test('by bridge, host-local and portmap: addresses of both families, ports, and all of it given back', async () => {
    const { client, folder, config } = server
    writeFileSync(
      `${config.cniConfig}/10-real.conflist`,
      JSON.stringify({
        cniVersion: '1.0.0',
        name: 'real',
        plugins: [
          {
            type: 'bridge',
            bridge: 'cni-pods',
            isGateway: true,
            ipMasq: true,
            hairpinMode: true,
            ipam: {
              type: 'host-local',
              dataDir: `${folder}/leases`,
              ranges: [[{ subnet: '10.98.0.0/24' }], [{ subnet: 'fd00:98::/64' }]],
              routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
            },
          },
          { type: 'portmap', capabilities: { portMappings: true }, snat: true },
        ],
      }),
    )
    assert.equal((await networkReady()).status, true)
    const ids = [
      await runPod(client, pod('one', { portMappings: [{ hostPort: 8080, containerPort: 80 }, { containerPort: 81 }] })),
      await runPod(client, pod('two')),
    ]
    const networks = await Promise.all(ids.map(async (podSandboxId) => (await client.podSandboxStatus({ podSandboxId })).status!.network!))
    assert.deepEqual(
      networks.map(({ ip, additionalIps }) => [ip, additionalIps.map((one) => one.ip)]),
      [
        ['10.98.0.2', ['fd00:98::2']],
        ['10.98.0.3', ['fd00:98::3']],
      ],
    )
    assert.deepEqual(leases().length, 4)
    const rules = (): string => execFileSync('iptables', ['-t', 'nat', '-S'], { encoding: 'utf8' })
    assert.match(rules(), /--dport 8080 .*10\.98\.0\.2:80/)
    assert.doesNotMatch(rules(), /:81/)
    const { info } = await client.podSandboxStatus({ podSandboxId: ids[0]!, verbose: true })
    const { pid, networkNamespace } = JSON.parse(info['info']!)
    execFileSync('nsenter', ['-n', '-t', String(pid), 'busybox', 'ping', '-c1', '-W5', '10.98.0.3'])
    // others come in by the file
    assert.match(execFileSync('nsenter', [`--net=${networkNamespace}`, 'ip', '-o', 'addr'], { encoding: 'utf8' }), /10\.98\.0\.2\/24/)
    // in a network namespace that belongs to the pod's own user namespace
    const mapping = [{ hostId: 300_000, containerId: 0, length: 65_536 }]
    const options = create(NamespaceOptionSchema, { usernsOptions: { mode: NamespaceMode.POD, uids: mapping, gids: mapping } })
    const mapped = await runPod(client, pod('mapped', { linux: { securityContext: { namespaceOptions: options } } }))
    ids.push(mapped)
    assert.equal((await client.podSandboxStatus({ podSandboxId: mapped })).status?.network?.ip, '10.98.0.4')
    for (const podSandboxId of ids) await client.stopPodSandbox({ podSandboxId })
    assert.deepEqual(leases(), [])
    assert.doesNotMatch(rules(), /8080/)
    assert.ok(!existsSync(networkNamespace))
    for (const podSandboxId of ids) await client.removePodSandbox({ podSandboxId })
    nothingLeft()
  })

  test('plugins are told who the pod is, and what they say they can do', async () => {
    spy.configure()
    const config = pod('told', {
      annotations: { 'kubernetes.io/ingress-bandwidth': '1M', 'kubernetes.io/egress-bandwidth': '1Ki' },
      portMappings: [{ protocol: 1, hostPort: 53, containerPort: 5353, hostIp: '127.0.0.1' }],
      dnsConfig: { servers: ['10.0.0.10'], searches: ['cluster.local'], options: ['ndots:5'] },
    })
    const id = await runPod(server.client, config)
    await server.client.stopPodSandbox({ podSandboxId: id })
    const [add, del, ...others] = spy.calls(id)
    assert.deepEqual(others, [])
    assert.deepEqual(
      [add?.command, add?.netns, add?.interface, del?.command, del?.netns],
      ['ADD', 'nsfs', 'eth0', 'DEL', 'nsfs'],
      'the namespace is there for both',
    )
    assert.equal(
      add?.args,
      `IgnoreUnknown=1;K8S_POD_NAMESPACE=tests;K8S_POD_NAME=told;K8S_POD_INFRA_CONTAINER_ID=${id};K8S_POD_UID=${config.metadata!.uid}`,
    )
    assert.deepEqual(add.configuration['runtimeConfig'], {
      portMappings: [{ hostPort: 53, containerPort: 5353, protocol: 'udp', hostIP: '127.0.0.1' }],
      bandwidth: { ingressRate: 1e6, ingressBurst: 2 ** 31 - 1, egressRate: 1024, egressBurst: 2 ** 31 - 1 },
      dns: { servers: ['10.0.0.10'], searches: ['cluster.local'], options: ['ndots:5'] },
    })
    assert.equal((del!.configuration['prevResult'] as { ips: unknown[] }).ips.length, 2)
  })

  test('who follows the machine’s mounts sees the namespace come and go', async () => {
    spy.configure()
    // the folder is made fit for that by the first pod
    await server.client.removePodSandbox({ podSandboxId: await runPod(server.client, pod('first')) })
    const agent = spawn('unshare', ['-m', '--propagation', 'slave', 'sleep', '1000'], { stdio: 'ignore' })
    try {
      await eventually('the agent is in a mount namespace of its own', () => {
        const [own, its] = ['self', agent.pid].map((pid) => readlinkSync(`/proc/${pid}/ns/mnt`))
        return own !== its && readFileSync(`/proc/${agent.pid}/comm`, 'utf8') === 'sleep\n'
      })
      const id = await runPod(server.client, pod('followed'))
      const { info } = await server.client.podSandboxStatus({ podSandboxId: id, verbose: true })
      const { networkNamespace } = JSON.parse(info['info']!)
      const seen = (): string =>
        execFileSync('nsenter', ['-m', '-t', String(agent.pid), 'sh', '-c', `stat -f -c %T ${networkNamespace} || true`], {
          encoding: 'utf8',
          stdio: ['ignore', 'pipe', 'ignore'],
        }).trim()
      assert.equal(seen(), 'nsfs')
      await server.client.removePodSandbox({ podSandboxId: id })
      assert.equal(seen(), '')
    } finally {
      agent.kill('SIGKILL')
      await once(agent, 'exit')
    }
  })

  test('what no plugin can do is left out', async () => {
    spy.configure({ plugin: { capabilities: {} } })
    const id = await runPod(server.client, pod('cannot', { portMappings: [{ hostPort: 8080, containerPort: 80 }] }))
    assert.equal(spy.calls(id)[0]?.configuration['runtimeConfig'], undefined)
  })

  test('the network is not ready until a configuration is there whose plugins are', async () => {
    const { cniConfig } = server.config
    const config = pod('early')
    const missing = await networkReady()
    assert.deepEqual([missing.status, missing.reason], [false, 'NetworkPluginNotReady'])
    assert.match(missing.message, /no CNI configuration in/)
    await assert.rejects(
      server.client.runPodSandbox({ config }),
      failsWith(UNAVAILABLE, /the pod network is not ready: no CNI configuration/),
    )
    nothingLeft()
    rmSync(cniConfig, { recursive: true })
    assert.equal((await networkReady()).status, false, 'without the folder')
    mkdirSync(cniConfig)
    spy.configure({ file: '20-second.conflist', name: 'second', plugin: { type: 'nowhere' } })
    assert.match((await networkReady()).message, /network second: there is no CNI plugin nowhere/)
    writeFileSync(`${cniConfig}/05-broken.conflist`, '{')
    spy.configure({ file: '10-first.conflist', name: 'first' })
    assert.equal((await networkReady()).status, true)
    const id = await runPod(server.client, config)
    assert.equal(spy.calls(id)[0]?.configuration['name'], 'first', 'the first by name that can be read')
    // the pod is taken off what it was put on
    renameSync(`${cniConfig}/10-first.conflist`, `${cniConfig}/30-first.conflist`)
    await server.client.stopPodSandbox({ podSandboxId: id })
    assert.equal(spy.calls(id)[1]?.configuration['name'], 'first')
  })

  test('plugins of 1.1 are asked whether they are ready', async () => {
    spy.fail('STATUS', { cniVersion: '1.1.0', code: 50, msg: 'the daemon sleeps' })
    spy.configure({ version: '1.1.0' })
    let message = ''
    for (let again = 0; again < 100 && !message.includes('sleeps'); again++) message = (await networkReady()).message
    assert.match(message, /network spied: CNI plugin spy, STATUS: the daemon sleeps/)
    await assert.rejects(server.client.runPodSandbox({ config: pod('asleep') }), failsWith(UNAVAILABLE, /the daemon sleeps/))
  })

  test('an ADD that fails tells the plugin’s words, and is undone', async () => {
    spy.configure()
    spy.fail('ADD', { cniVersion: '1.0.0', code: 999, msg: 'no more addresses' })
    const config = pod('full')
    await assert.rejects(server.client.runPodSandbox({ config }), failsWith(PRECONDITION, /CNI plugin spy, ADD: no more addresses/))
    assert.deepEqual(
      spy.calls().map(({ command }) => command),
      ['ADD', 'DEL'],
    )
    nothingLeft()
    spy.fail('ADD', undefined)
    await runPod(server.client, config)
  })

  test('a network that gives no address is none', async () => {
    spy.configure()
    spy.give(true)
    const config = pod('nothing')
    await assert.rejects(server.client.runPodSandbox({ config }), failsWith(PRECONDITION, /the CNI network spied gave the pod no address/))
    assert.deepEqual(
      spy.calls().map(({ command }) => command),
      ['ADD', 'DEL'],
    )
    nothingLeft()
  })

  test('a call whose deadline is over, or that is cancelled, is undone', async () => {
    spy.configure()
    spy.slow('ADD', 0.5)
    const config = pod('slow')
    await assert.rejects(server.client.runPodSandbox({ config }, { timeout: 200 }), failsWith(DEADLINE, /./))
    const cancelled = AbortSignal.timeout(100)
    const other = pod('cancelled')
    await assert.rejects(server.client.runPodSandbox({ config: other }, { signal: cancelled }), failsWith(CANCELLED, /./))
    await eventually('both undone', () => readdirSync(`${server.config.root}/cri/sandboxes`).length === 0)
    nothingLeft()
    const containers = new Set(spy.calls().map(({ container }) => container))
    for (const container of containers) assert.ok(!spy.hasLease(container))
    spy.slow('ADD', 0)
    for (const again of [config, other]) await runPod(server.client, again)
  })

  test('DEL is tried for ever, also by the next server; the pod does not wait for it', async () => {
    spy.configure()
    const id = await runPod(server.client, pod('stuck'))
    spy.fail('DEL', { cniVersion: '1.0.0', code: 999, msg: 'nobody is at home' })
    await server.client.stopPodSandbox({ podSandboxId: id })
    await server.client.removePodSandbox({ podSandboxId: id })
    assert.ok(spy.hasLease(id))
    const dels = (): number => spy.calls(id).filter(({ command }) => command === 'DEL').length
    const before = dels()
    await eventually('it is tried again', () => dels() > before)
    await server.again()
    const again = dels()
    await eventually('the next server tries too', () => dels() > again)
    spy.fail('DEL', undefined)
    await eventually('it is given back', () => !spy.hasLease(id))
    assert.equal(spy.calls(id).at(-1)?.netns, 'nsfs', 'the namespace was kept for it')
    await eventually('nothing is left', () => readdirSync(`${server.config.root}/cri/cni`).length === 0)
    nothingLeft()
  })

  test('a new server looks at the pods there are, and lets plugins of 1.1 collect the rest', async () => {
    spy.configure({ version: '1.1.0' })
    await eventually('ready', () => existsSync(`${server.folder}/plugins/spy`))
    const id = await runPod(server.client, pod('there'))
    await server.again()
    await eventually('CHECK', () => spy.calls(id).some(({ command, netns }) => command === 'CHECK' && netns === 'nsfs'))
    const collect = spy.calls().find(({ command }) => command === 'GC')
    assert.deepEqual(collect?.configuration['cni.dev/valid-attachments'], [{ containerID: id, ifname: 'eth0' }])
    assert.equal((await server.client.podSandboxStatus({ podSandboxId: id })).status?.state, PodSandboxState.SANDBOX_READY)
  })

  test('after a restart of the machine addresses are given back without a namespace', async () => {
    spy.configure()
    const config = pod('reboot')
    const id = await runPod(server.client, config)
    const { netns, init } = JSON.parse(readFileSync(`${server.config.root}/cri/sandboxes/${id}/sandbox.json`, 'utf8'))
    await server.end()
    // what a restart leaves: documents of another boot, and an empty file where the namespace was
    process.kill(init.pid, 'SIGKILL')
    await eventually('the holder ends', () => !existsSync(`/proc/${init.pid}`))
    const path = `${server.config.root}/cri/sandboxes/${id}/sandbox.json`
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"boot":"[^"]*"/, '"boot":"another"'))
    execFileSync('umount', [netns])
    await server.begin()
    const { status } = await server.client.podSandboxStatus({ podSandboxId: id })
    assert.deepEqual([status?.state, status?.network?.ip], [PodSandboxState.SANDBOX_NOTREADY, ''])
    await eventually('given back', () => !spy.hasLease(id))
    assert.equal(spy.calls(id).at(-1)?.netns, 'gone')
    await server.client.removePodSandbox({ podSandboxId: id })
    nothingLeft()
    await runPod(server.client, config)
  })

  test('the pod CIDR comes into the configuration, once, where there is a template', async () => {
    const template = `${server.folder}/template`
    writeFileSync(
      template,
      `{"cniVersion":"1.0.0","name":"templated","plugins":[{"type":"spy","ipam":{"subnet":"{{.PodCIDR}}",
        "ranges":[{{range $i, $range := .PodCIDRRanges}}{{if $i}},{{end}}[{"subnet":"{{$range}}"}]{{end}}],
        "routes":[{{- range $i, $route := .Routes -}}{{if $i}},{{end}}{"dst":"{{$route}}"}{{end}}]}}]}`,
    )
    await server.end()
    const config = { ...server.config, cniTemplate: template }
    Object.assign(server, { config })
    await server.begin()
    const { client } = server
    await assert.rejects(
      client.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: '10.0.0.0' } } }),
      failsWith(3, /runtime_config\.network_config\.pod_cidr: "10\.0\.0\.0"/),
    )
    await client.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: '10.7.0.0/24,fd00:7::/64' } } })
    assert.equal((await networkReady()).status, true)
    const [file] = readdirSync(config.cniConfig)
    const { plugins } = JSON.parse(readFileSync(`${config.cniConfig}/${file}`, 'utf8'))
    assert.deepEqual(plugins[0].ipam, {
      subnet: '10.7.0.0/24',
      ranges: [[{ subnet: '10.7.0.0/24' }], [{ subnet: 'fd00:7::/64' }]],
      routes: [{ dst: '0.0.0.0/0' }, { dst: '::/0' }],
    })
    await client.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: '10.8.0.0/24' } } })
    assert.deepEqual(readdirSync(config.cniConfig), [file])
  })
})
