/** A server that is killed at any moment of a sandbox's life, and the one that comes after it. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { create } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema, type PodSandboxConfig, PodSandboxState } from '../../../cri/api/api_pb.js'
import { Spy } from '../../support/cri/cni.ts'
import { CGROUP_PARENT, podConfig, runPod } from '../../support/cri/configs.ts'
import { TestServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { cgroupsOf, mountsOf, processesOf, removeCgroup } from '../../support/leftovers.ts'
import { requires } from '../../support/requires.ts'
import { MARK } from '../../support/runtime.ts'

const { POD } = NamespaceMode

/** Moments at which the server is killed, in milliseconds after a call. */
const MOMENTS = [0, 5, 10, 20, 40, 80]

describe('a server that is killed', { skip: requires('root') }, () => {
  let server: TestServer
  let spy: Spy
  before(async () => {
    server = await TestServer.open({ images: false, child: true })
    spy = new Spy(server)
    spy.configure()
    spy.slow('ADD', 0.02)
    spy.slow('DEL', 0.02)
  })
  after(async () => {
    await server.close()
    for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
  })

  const pod = (name: string): PodSandboxConfig =>
    podConfig(server, name, {
      linux: { securityContext: { namespaceOptions: create(NamespaceOptionSchema, { network: POD, pid: POD, ipc: POD }) } },
    })
  const folders = (): string[] => [
    `${server.config.root}/cri/sandboxes`,
    `${server.config.root}/cri/cni`,
    `${server.config.runRoot}/cri/sandboxes`,
    `${server.config.runRoot}/cri/engine`,
  ]
  const left = (): string[] => [
    ...folders().flatMap((folder) =>
      existsSync(folder)
        ? readdirSync(folder)
            .filter((name) => !name.startsWith('@'))
            .map((name) => `${folder}/${name}`)
        : [],
    ),
    ...mountsOf(server.folder),
    ...spy.namespaces(),
    ...readdirSync(`${server.folder}/plugins`).filter((name) => name.startsWith('lease-')),
    ...cgroupsOf(CGROUP_PARENT.slice(1)).filter((folder) => !folder.endsWith(CGROUP_PARENT)),
    ...processesOf(MARK).filter((one) => /wherry:(holder|keeper|stage|init)/.test(one)),
  ]
  /** What was given and mounted is given back within moments of the start. */
  const nothingLeft = (): Promise<void> => eventually(`nothing left of ${JSON.stringify(left())}`, () => left().length === 0)
  const states = async (): Promise<PodSandboxState[]> => (await server.client.listPodSandbox()).items.map(({ state }) => state)
  /** Lets a call begin, kills the server and begins another; whether the call was answered. */
  const killDuring = async (call: () => Promise<unknown>, moment: number): Promise<boolean> => {
    const answer = call().then(
      () => true,
      () => false,
    )
    await setTimeout(moment)
    await server.again('SIGKILL')
    return answer
  }

  for (const moment of MOMENTS)
    test(`${moment} ms into RunPodSandbox, StopPodSandbox and RemovePodSandbox`, async () => {
      const config = pod(`run-${moment}`)
      const made = await killDuring(() => server.client.runPodSandbox({ config }), moment)
      const found = await states()
      if (made) assert.deepEqual(found, [PodSandboxState.SANDBOX_READY])
      // it may have been made without its answer having come
      else assert.ok(found.length === 0 || found[0] === PodSandboxState.SANDBOX_READY, String(found))
      if (found.length === 0) {
        await nothingLeft()
        await runPod(server.client, config)
      }
      const [item] = (await server.client.listPodSandbox()).items
      const podSandboxId = item!.id
      const { status } = await server.client.podSandboxStatus({ podSandboxId })
      assert.equal(status?.network?.ip, '10.99.0.9')

      const stopped = await killDuring(() => server.client.stopPodSandbox({ podSandboxId }), moment)
      const after = await server.client.podSandboxStatus({ podSandboxId })
      if (stopped) assert.equal(after.status?.state, PodSandboxState.SANDBOX_NOTREADY)
      await server.client.stopPodSandbox({ podSandboxId })
      assert.ok(!spy.hasLease(podSandboxId))
      assert.deepEqual(await states(), [PodSandboxState.SANDBOX_NOTREADY])

      const removed = await killDuring(() => server.client.removePodSandbox({ podSandboxId }), Math.floor(moment / 4))
      if (removed) assert.deepEqual(await states(), [])
      await server.client.removePodSandbox({ podSandboxId })
      await nothingLeft()
    })

  test('while pods are there: they stay, and what ends meanwhile is known', async () => {
    const { client } = server
    const [stays, ends] = [await runPod(client, pod('stays')), await runPod(client, pod('ends'))]
    const pids = await Promise.all(
      [stays, ends].map(
        async (podSandboxId): Promise<number> =>
          JSON.parse((await client.podSandboxStatus({ podSandboxId, verbose: true })).info['info']!).pid,
      ),
    )
    await server.end('SIGKILL')
    process.kill(pids[1]!, 'SIGKILL')
    await eventually('it ends', () => !existsSync(`/proc/${pids[1]}`))
    await server.begin()
    const stateOf = async (podSandboxId: string) => (await server.client.podSandboxStatus({ podSandboxId })).status?.state
    assert.equal(await stateOf(stays), PodSandboxState.SANDBOX_READY)
    assert.equal(await stateOf(ends), PodSandboxState.SANDBOX_NOTREADY)
    // the new server is told too
    process.kill(pids[0]!, 'SIGKILL')
    while ((await stateOf(stays)) === PodSandboxState.SANDBOX_READY) await setTimeout(10)
    for (const podSandboxId of [stays, ends]) await server.client.removePodSandbox({ podSandboxId })
    await nothingLeft()
  })

  test('while a plugin is at work: what it gives after that is given back', async () => {
    spy.slow('ADD', 1)
    try {
      const config = pod('at-work')
      assert.equal(await killDuring(() => server.client.runPodSandbox({ config }), 400), false)
      spy.slow('ADD', 0)
      await eventually('it is undone', () => readdirSync(`${server.config.root}/cri/sandboxes`).length === 0)
      await nothingLeft()
      const commands = spy
        .calls()
        .slice(-2)
        .map(({ command }) => command)
      assert.deepEqual(commands, ['ADD', 'DEL'])
    } finally {
      spy.slow('ADD', 0.02)
    }
  })

  test('documents that a power cut has torn are taken away, and addresses given back all the same', async () => {
    const config = pod('torn')
    const id = await runPod(server.client, config)
    const folder = `${server.config.root}/cri/sandboxes/${id}`
    const other = `${server.config.root}/cri/sandboxes/${'0'.repeat(64)}`
    const { init } = JSON.parse(readFileSync(`${folder}/sandbox.json`, 'utf8'))
    await server.end('SIGKILL')
    process.kill(init.pid, 'SIGKILL')
    await eventually('it ends', () => !existsSync(`/proc/${init.pid}`))
    writeFileSync(`${folder}/sandbox.json`, '')
    mkdirSync(other)
    // written down to no end before anything was made
    const beginning = `${server.config.root}/cri/cni/${'1'.repeat(64)}`
    mkdirSync(beginning)
    writeFileSync(`${beginning}/.spied`, '{')
    await server.begin()
    assert.deepEqual(await states(), [])
    await nothingLeft()
    await server.client.removePodSandbox({ podSandboxId: await runPod(server.client, config) })
  })
})
