/** A connection's bytes as messages of a WebSocket: how clients speak SPDY through proxies that know WebSockets only. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Inbox } from '../inbox.ts'
import type { Transport } from '../transport.ts'
import { Sender } from './sender.ts'

export const tunnelTransport = (webSocket: WebSocket, connection: Socket): Transport => {
  const sender = new Sender(webSocket, connection)
  const inbox = new Inbox()
  webSocket.on('message', (data) => {
    const room = inbox.push(data as Buffer)
    if (room === undefined) return
    webSocket.pause()
    void room.then(() => webSocket.resume())
  })
  sender.gone.addEventListener('abort', () => inbox.end())
  return {
    incoming: inbox as AsyncIterable<Uint8Array> as AsyncIterable<Buffer>,
    write: (...parts) => sender.send(parts.length === 1 ? parts[0]! : Buffer.concat(parts)),
    drained: () => sender.drained(),
    end: () => sender.close(),
    destroy: () => sender.destroy(),
  }
}
