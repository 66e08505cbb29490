/** A pod of a test, in which containers are run and asked what they see. */
import assert from 'node:assert/strict'
import type { MessageInitShape } from '@bufbuild/protobuf'
import { ContainerState, type ContainerStatus, type LinuxContainerSecurityContextSchema } from '../../../cri/api/api_pb.js'
import { eventually } from '../eventually.ts'
import { cgroupsOf, removeCgroup } from '../leftovers.ts'
import type { CriClient } from './client.ts'
import { CGROUP_PARENT, containerConfig, type ContainerInit, podConfig, type PodInit, runPod } from './configs.ts'
import type { TestServer } from './server.ts'

let count = 0

export interface Said {
  readonly stdout: string
  readonly stderr: string
  readonly exitCode: number
}

export class TestPod {
  readonly server: TestServer
  readonly id: string
  readonly config: ReturnType<typeof podConfig>

  private constructor(server: TestServer, id: string, config: ReturnType<typeof podConfig>) {
    this.server = server
    this.id = id
    this.config = config
  }

  static async run(server: TestServer, more: PodInit = {}): Promise<TestPod> {
    count += 1
    const config = podConfig(server, `pod-${count}`, more)
    return new TestPod(server, await runPod(server.client, config), config)
  }

  get client(): CriClient {
    return this.server.client
  }

  /** Creates it; its id. */
  async create(script: string, more: ContainerInit = {}): Promise<string> {
    count += 1
    const config = containerConfig(`container-${count}`, script, more)
    return (await this.client.createContainer({ podSandboxId: this.id, config, sandboxConfig: this.config })).containerId
  }

  async start(script: string, more: ContainerInit = {}): Promise<string> {
    const containerId = await this.create(script, more)
    await this.client.startContainer({ containerId })
    return containerId
  }

  async exec(containerId: string, script: string, timeout = 60): Promise<Said> {
    const { stdout, stderr, exitCode } = await this.client.execSync({ containerId, cmd: ['sh', '-c', script], timeout: BigInt(timeout) })
    return { stdout: Buffer.from(stdout).toString(), stderr: Buffer.from(stderr).toString(), exitCode }
  }

  /** What a script says in a container of its own, which must succeed. */
  async says(script: string, more: ContainerInit = {}): Promise<string> {
    const id = await this.start('exec sleep 1000', more)
    const { stdout, stderr, exitCode } = await this.exec(id, script)
    await this.client.removeContainer({ containerId: id })
    assert.equal(exitCode, 0, stderr)
    return stdout
  }

  /** The same, with a security context. */
  saysAs(
    script: string,
    securityContext: MessageInitShape<typeof LinuxContainerSecurityContextSchema>,
    more: ContainerInit = {},
  ): Promise<string> {
    return this.says(script, { ...more, linux: { securityContext } } as ContainerInit)
  }

  async status(containerId: string): Promise<ContainerStatus> {
    return (await this.client.containerStatus({ containerId })).status!
  }

  /** Its status once it has ended. */
  async ended(containerId: string): Promise<ContainerStatus> {
    await eventually('the container ends', async () => (await this.status(containerId)).state === ContainerState.CONTAINER_EXITED)
    return this.status(containerId)
  }
}

/** gRPC's number and words of a call that fails. */
export const refused = async (call: Promise<unknown>): Promise<{ readonly code: number; readonly details: string }> => {
  try {
    await call
  } catch (error) {
    const { code, details } = error as { code: number; details: string }
    return { code, details }
  }
  assert.fail('the call succeeded')
}

/** All that tests have made; undefined: they were skipped. */
export const endServer = async (server: TestServer | undefined): Promise<void> => {
  await server?.close()
  for (const folder of cgroupsOf(CGROUP_PARENT.slice(1))) removeCgroup(folder)
}
