/** What a client is told in HTTP, before anything streams. */
import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'

export interface Refusal {
  readonly status: number
  readonly text: string
  readonly headers?: readonly (readonly [name: string, value: string])[]
}

/** The whole of an answer, after which the connection ends. */
export const refusalText = ({ status, text, headers = [] }: Refusal): string => {
  const body = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: text/plain; charset=utf-8',
    'X-Content-Type-Options: nosniff',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ]
  return `${lines.join('\r\n')}\r\n\r\n${body}`
}

/** Milliseconds that a client may take to read it. */
const PATIENCE = 5000

export const refuse = (connection: Socket, refusal: Refusal): void => {
  connection.on('error', () => {})
  connection.setTimeout(PATIENCE, () => connection.destroy())
  connection.end(refusalText(refusal))
  // what it has sent beyond its request is not waited for
  connection.resume()
}

export const switchProtocols = (connection: Socket, protocol: string): void => {
  connection.write(
    `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: SPDY/3.1\r\nX-Stream-Protocol-Version: ${protocol}\r\n\r\n`,
  )
}
