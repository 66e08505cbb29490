/** The WebSocket handshake: RFC 6455. The library is loaded when the first client wants it. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'

/** Bytes of a message at most: what Kubernetes' own servers take. */
export const MOST_MESSAGE = 32 * 1024 * 1024

/** Without a protocol, as old clients do: the empty one. */
export const requestedProtocols = (request: IncomingMessage): readonly string[] => {
  const names = (request.headers['sec-websocket-protocol'] ?? '').split(',').map((name) => name.trim())
  const given = names.filter((name) => name !== '')
  return given.length === 0 ? [''] : given
}

/** Undefined: it was no proper handshake, and the client has been told. @param protocol of those that were requested */
export const upgradeToWebSocket = async (
  request: IncomingMessage,
  connection: Socket,
  head: Buffer,
  protocol: string,
): Promise<WebSocket | undefined> => {
  const { WebSocketServer } = await import('ws')
  if (connection.destroyed) return undefined
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: MOST_MESSAGE,
  })
  // the library refuses names with a slash, which RFC 6455 does not allow and clients use: SPDY/3.1+portforward.k8s.io
  delete request.headers['sec-websocket-protocol']
  if (protocol !== '') server.on('headers', (headers) => headers.push(`Sec-WebSocket-Protocol: ${protocol}`))
  return new Promise((resolve) => {
    server.once('wsClientError', (error, socket) => {
      const text = `${error.message}\n`
      socket.end(
        `HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(text)}\r\n\r\n${text}`,
      )
      resolve(undefined)
    })
    server.handleUpgrade(request, connection, head, resolve)
  })
}
