/** A streaming server before whatever a test puts behind it. */
import { create } from '@bufbuild/protobuf'
import { AttachRequestSchema, ExecRequestSchema, PortForwardRequestSchema } from '../../../cri/api/api_pb.js'
import type { Log } from '../../../cri/cri.ts'
import { openStreaming } from '../../../cri/streaming/open.ts'
import type { Backend, RemoteStreams, Sink, Streaming } from '../../../cri/streaming/types.ts'

const none = async (): Promise<never> => {
  throw new Error('nobody was to ask for that')
}

export const quiet: Log = { enabled: () => false, debug() {}, info() {}, warn() {}, error() {} }

export interface Fixture {
  readonly streaming: Streaming
  exec(options?: { cmd?: string[]; stdin?: boolean; stdout?: boolean; stderr?: boolean; tty?: boolean }): string
  attach(options?: { stdin?: boolean; stdout?: boolean; stderr?: boolean; tty?: boolean }): string
  portForward(port?: number[]): string
}

export const withStreaming = (backend: Partial<Backend>, use: (fixture: Fixture) => Promise<void>) => async (): Promise<void> => {
  const streaming = await openStreaming({
    config: { streamAddress: '127.0.0.1', streamPort: 0 },
    backend: { exec: none, attach: none, connect: none, ...backend },
    log: quiet,
  })
  try {
    await use({
      streaming,
      exec: (options = {}) => streaming.exec(create(ExecRequestSchema, { containerId: 'c', cmd: ['x'], stdout: true, ...options })),
      attach: (options = {}) => streaming.attach(create(AttachRequestSchema, { containerId: 'c', stdout: true, ...options })),
      portForward: (port = []) => streaming.portForward(create(PortForwardRequestSchema, { podSandboxId: 's', port })),
    })
  } finally {
    await streaming.close()
  }
}

/** Waits where it is asked to. */
export const give = async (sink: Sink | undefined, bytes: string | Uint8Array): Promise<void> => {
  await sink?.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes)
}

export const takeAll = async ({ stdin }: RemoteStreams): Promise<string> => {
  const parts: Uint8Array[] = []
  for await (const part of stdin ?? []) parts.push(part)
  return Buffer.concat(parts).toString()
}
