/** Forwarding over a WebSocket without SPDY: the ports named by RPC, a pair of channels and one connection each. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Channels } from '../websocket/channels.ts'
import type { PortForwardOptions } from './spdy.ts'
import { pumpConnection } from './pump.ts'
import { problemOf } from './words.ts'

export const PORT_FORWARD_WEBSOCKET: Readonly<Record<string, { readonly base64: boolean }>> = {
  'v4.channel.k8s.io': { base64: false },
  'v4.base64.channel.k8s.io': { base64: true },
  '': { base64: false },
}

/** Resolves when all connections have ended. */
export const forwardOverWebSocket = async (
  webSocket: WebSocket,
  connection: Socket,
  { base64 }: { readonly base64: boolean },
  ports: readonly number[],
  { sandbox, backend, stop }: PortForwardOptions,
): Promise<void> => {
  const channels = new Channels(webSocket, connection, {
    base64,
    closes: false,
    inputs: ports.map((_, index) => index * 2),
    count: ports.length * 2,
  })
  const forward = async (port: number, index: number): Promise<void> => {
    const [data, errors] = [channels.sink(index * 2), channels.sink(index * 2 + 1)]
    // first of all each channel says which port it is of
    const number = Buffer.alloc(2)
    number.writeUInt16LE(port)
    void data.write(number)
    void errors.write(number)
    try {
      const server = await backend.connect(sandbox, port, channels.gone)
      await pumpConnection(server, { inbox: channels.inbox(index * 2), data, gone: channels.gone })
    } catch (problem) {
      void errors.write(problemOf(problem, port))
    }
  }
  const leave = (): void => channels.close()
  stop.addEventListener('abort', leave)
  try {
    if (stop.aborted) leave()
    await Promise.all(ports.map(forward))
  } finally {
    stop.removeEventListener('abort', leave)
    channels.close()
  }
}
