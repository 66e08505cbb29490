/**
 * Pods come and go, ten at a time, while their server is killed over and over. Whoever calls does as kubelet does: a call that was cut off is
 * made again to the next server, after a look at what is there. WHERRY_CHURN_PODS (60), WHERRY_CHURN_KILL: killed after so many (20).
 */
import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { type ContainerConfig, ContainerState, NamespaceMode, type PodSandboxConfig, PodSandboxState } from '../../../cri/api/api_pb.js'
import type { CallError, CriClient } from '../../support/cri/client.ts'
import { Spy } from '../../support/cri/cni.ts'
import { CGROUP_PARENT, containerConfig, podConfig } from '../../support/cri/configs.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountsOf, processesOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

const PODS = Number(process.env['WHERRY_CHURN_PODS'] ?? 60)
const KILL = Number(process.env['WHERRY_CHURN_KILL'] ?? 20)
const AT_A_TIME = 10
/** Of what the server has said, how much is told when something fails. */
const SAID = 20_000

const [CANCELLED, ALREADY_EXISTS, UNAVAILABLE] = [1, 6, 14]
const { POD, CONTAINER, NODE } = NamespaceMode

const netnsOfPods = (): string[] => (existsSync('/run/netns') ? readdirSync('/run/netns').filter((name) => name.startsWith('cni-')) : [])

/** Names in a folder that are not of something that goes by itself. */
const namesIn = (folder: string): string[] => (existsSync(folder) ? readdirSync(folder).filter((name) => !/^[.@]/.test(name)) : [])

class Churn {
  readonly #server: TestServer
  /** Settled when there is a server again. */
  #again: Promise<void> = Promise.resolve()
  #done = 0
  #killed = 0
  cut = 0

  constructor(server: TestServer) {
    this.#server = server
  }

  get kills(): number {
    return this.#killed
  }

  /** One more pod is gone. */
  #count(): void {
    this.#done += 1
    if (this.#done % KILL !== 0 || this.#done >= PODS) return
    this.#killed += 1
    // one after the other, however fast pods go
    this.#again = this.#again.then(() => this.#server.again('SIGKILL'))
    // whoever calls meets it
    this.#again.catch(() => {})
  }

  /** Makes a call, again if it was cut off: `call` looks first what of it is done already. */
  async #do<T>(call: (client: CriClient) => Promise<T>): Promise<T> {
    for (;;) {
      const current = this.#again
      await current
      if (this.#again !== current) continue
      try {
        return await call(this.#server.client)
      } catch (error) {
        const { code, message } = error as CallError
        // the connection was cut, or the client closed since; nothing else may fail
        const cut = code === UNAVAILABLE || code === CANCELLED || message === 'Channel has been shut down'
        if (!cut || this.#again === current) throw error
        this.cut += 1
      }
    }
  }

  #run(config: PodSandboxConfig): Promise<string> {
    const { app } = config.labels
    return this.#do(async (client) => {
      const { items } = await client.listPodSandbox({ filter: { labelSelector: { app: app! } } })
      for (const { id, state } of items) {
        if (state === PodSandboxState.SANDBOX_READY) return id
        await client.removePodSandbox({ podSandboxId: id })
      }
      try {
        return (await client.runPodSandbox({ config })).podSandboxId
      } catch (error) {
        assert.notEqual((error as CallError).code, ALREADY_EXISTS, `${app}: the name of a pod that is not listed is taken`)
        throw error
      }
    })
  }

  #create(podSandboxId: string, config: ContainerConfig, sandboxConfig: PodSandboxConfig): Promise<string> {
    return this.#do(async (client) => {
      const { containers } = await client.listContainers({ filter: { podSandboxId } })
      return containers[0]?.id ?? (await client.createContainer({ podSandboxId, config, sandboxConfig })).containerId
    })
  }

  #start(containerId: string): Promise<void> {
    return this.#do(async (client) => {
      const { containers } = await client.listContainers({ filter: { id: containerId } })
      assert.equal(containers.length, 1, `container ${containerId} is there`)
      if (containers[0]!.state === ContainerState.CONTAINER_CREATED) await client.startContainer({ containerId })
    })
  }

  /** From its making to its end. */
  async pod(number: number): Promise<void> {
    const name = `churn-${number}`
    const network = number % 2 === 0 ? POD : NODE
    const sandboxConfig = podConfig(this.#server, name, {
      linux: { cgroupParent: `${CGROUP_PARENT}/${name}`, securityContext: { namespaceOptions: { network, pid: CONTAINER, ipc: POD } } },
    })
    const config = containerConfig('main', `echo hello ${number}; exec sleep 1000`)
    const podSandboxId = await this.#run(sandboxConfig)
    const containerId = await this.#create(podSandboxId, config, sandboxConfig)
    await this.#start(containerId)
    await this.#do(async (client) => {
      const { exitCode } = await client.execSync({ containerId, cmd: ['true'], timeout: 60n })
      assert.equal(exitCode, 0)
    })
    await this.#do((client) => client.stopContainer({ containerId, timeout: 0n }))
    const { status } = await this.#do((client) => client.containerStatus({ containerId }))
    assert.deepEqual([status!.state, status!.exitCode, status!.reason], [ContainerState.CONTAINER_EXITED, 137, 'Error'])
    await this.#do((client) => client.removeContainer({ containerId }))
    const log = readFileSync(`${sandboxConfig.logDirectory}/main.log`, 'utf8')
    assert.match(log, new RegExp(`^\\S+ stdout F hello ${number}\\n$`), `${name}: one line, once`)
    await this.#do((client) => client.stopPodSandbox({ podSandboxId }))
    await this.#do((client) => client.removePodSandbox({ podSandboxId }))
    this.#count()
  }

  /** With the server that is there at the end. */
  async settle(): Promise<void> {
    await this.#again
  }
}

test('pods come and go while the server is killed: nothing is left, and nothing fails but what was cut off', {
  skip: requires('root', 'busybox'),
}, async () => {
  const netns = netnsOfPods()
  const server = await TestServer.open({ child: true })
  after(() => {
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
  })
  try {
    const spy = new Spy(server)
    spy.configure()
    const churn = new Churn(server)
    let next = 0
    let failed: unknown
    const worker = async (): Promise<void> => {
      while (next < PODS && failed === undefined) {
        next += 1
        try {
          await churn.pod(next)
        } catch (error) {
          failed ??= error
        }
      }
    }
    await Promise.all(Array.from({ length: AT_A_TIME }, worker))
    if (failed !== undefined) throw new Error(`a pod failed; the server said last:\n${server.output.slice(-SAID)}`, { cause: failed })
    await churn.settle()
    assert.ok(churn.kills >= Math.floor((PODS - 1) / KILL), `killed ${churn.kills} times`)

    const { client, config } = server
    assert.deepEqual((await client.listPodSandbox({})).items, [])
    assert.deepEqual((await client.listContainers({})).containers, [])
    assert.deepEqual((await client.listPodSandboxStats({})).stats, [])
    for (const folder of [`${config.root}/cri/sandboxes`, `${config.root}/cri/containers`]) assert.deepEqual(namesIn(folder), [], folder)
    for (const name of ['sandboxes', 'containers', 'engine']) assert.deepEqual(namesIn(`${config.runRoot}/cri/${name}`), [], name)
    assert.deepEqual(
      netnsOfPods().filter((name) => !netns.includes(name)),
      [],
      'network namespaces',
    )
    assert.deepEqual(
      namesIn(`${server.folder}/plugins`).filter((name) => name.startsWith('lease-')),
      [],
      'leases of the network’s plugin',
    )
    assert.deepEqual(mountsOf(server.folder), [])
    // those of the parents are the caller’s, as they are kubelet’s
    const parents = new RegExp(`${CGROUP_PARENT}(/churn-\\d+)?$`)
    await eventually('keepers have ended', () => processesOf(MARK).every((line) => line.startsWith(`${server.pid} `)))
    assert.deepEqual(
      cgroupsOf(MARK).filter((folder) => !parents.test(folder)),
      [],
      'cgroups',
    )
    assert.deepEqual(
      namesIn(`${config.root}/leases`).filter((name) => name.startsWith('kept-')),
      [],
      'images that are kept for containers',
    )
  } catch (error) {
    // what cannot be cleaned up is not the reason
    await server.close().catch((second: unknown) => console.error(second))
    throw error
  }
  await server.close()
})
