/** A client of WebSockets written by hand from RFC 6455, with the channels of Kubernetes upon it, and as a carrier of SPDY. */
import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { type Carrier, sendRequest } from './spdy-client.ts'

const OPCODES = { CONTINUATION: 0, TEXT: 1, BINARY: 2, CLOSE: 8, PING: 9, PONG: 10 } as const
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

export interface Message {
  readonly text: boolean
  readonly bytes: Buffer
}

export interface FrameOptions {
  readonly opcode?: number
  readonly fin?: boolean
  readonly masked?: boolean
}

export const encodeFrame = (payload: Uint8Array, { opcode = OPCODES.BINARY, fin = true, masked = true }: FrameOptions = {}): Buffer => {
  const { length } = payload
  const bits = masked ? 0x80 : 0
  const head = Buffer.alloc(length < 126 ? 2 : length < 65536 ? 4 : 10)
  head[0] = (fin ? 0x80 : 0) | opcode
  if (length < 126) head[1] = bits | length
  else if (length < 65536) {
    head[1] = bits | 126
    head.writeUInt16BE(length, 2)
  } else {
    head[1] = bits | 127
    head.writeBigUInt64BE(BigInt(length), 2)
  }
  if (!masked) return Buffer.concat([head, payload])
  const mask = randomBytes(4)
  const body = Buffer.from(payload)
  for (let at = 0; at < body.length; at++) body[at]! ^= mask[at & 3]!
  return Buffer.concat([head, mask, body])
}

export class WebSocketClient {
  readonly protocol: string | undefined
  readonly #socket: Socket
  /** What has come, in order. */
  readonly messages: Message[] = []
  readonly pongs: Buffer[] = []
  /** Code of the server’s close frame. */
  closeCode: number | undefined
  /** The connection has ended. */
  readonly closed: Promise<void>
  /** Called for each message in the place of keeping it. */
  take: ((message: Message) => void | Promise<void>) | undefined
  #over = false
  #wake: (() => void) | undefined

  constructor(socket: Socket, rest: Buffer, protocol: string | undefined) {
    this.#socket = socket
    this.protocol = protocol
    this.closed = this.#read(rest)
  }

  sendRaw(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  send(payload: Uint8Array, options?: FrameOptions): Promise<void> {
    return this.sendRaw(encodeFrame(payload, options))
  }

  ping(payload: string): Promise<void> {
    return this.send(Buffer.from(payload), { opcode: OPCODES.PING })
  }

  /** A message of a channel. */
  write(channel: number, data: string | Uint8Array): Promise<void> {
    return this.send(Buffer.concat([Buffer.from([channel]), Buffer.from(data)]))
  }

  /** Version 5 only. */
  closeChannel(channel: number): Promise<void> {
    return this.send(Buffer.from([255, channel]))
  }

  writeBase64(channel: number, data: string): Promise<void> {
    return this.send(Buffer.from(`${channel}${Buffer.from(data).toString('base64')}`), { opcode: OPCODES.TEXT })
  }

  async leave(): Promise<void> {
    await this.send(Buffer.from([0x03, 0xe8]), { opcode: OPCODES.CLOSE })
    await this.closed
  }

  destroy(): void {
    this.#socket.destroy()
  }

  /** What came over a channel. */
  bytes(channel: number): Buffer {
    return Buffer.concat(
      this.messages.map(({ text, bytes }) =>
        text
          ? bytes[0] === 0x30 + channel
            ? Buffer.from(bytes.toString('latin1', 1), 'base64')
            : Buffer.alloc(0)
          : bytes[0] === channel
            ? bytes.subarray(1)
            : Buffer.alloc(0),
      ),
    )
  }

  text(channel: number): string {
    return this.bytes(channel).toString()
  }

  async until(what: string, holds: () => boolean): Promise<void> {
    while (!holds()) {
      if (this.#over) assert.fail(`the connection has ended (${this.closeCode}) before: ${what}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
  }

  async #read(rest: Buffer): Promise<void> {
    let bytes = rest
    let parts: Buffer[] = []
    let text = false
    const frames = async (): Promise<void> => {
      while (bytes.length >= 2) {
        const [first, second] = [bytes[0]!, bytes[1]!]
        assert.equal(first & 0x70, 0, 'no extension was negotiated')
        assert.equal(second & 0x80, 0, 'a server masks nothing')
        let [length, at] = [second & 0x7f, 2]
        if (length === 126) {
          if (bytes.length < 4) return
          ;[length, at] = [bytes.readUInt16BE(2), 4]
        } else if (length === 127) {
          if (bytes.length < 10) return
          ;[length, at] = [Number(bytes.readBigUInt64BE(2)), 10]
        }
        if (bytes.length < at + length) return
        const payload = bytes.subarray(at, at + length)
        bytes = bytes.subarray(at + length)
        const opcode = first & 0x0f
        if (opcode === OPCODES.PONG) this.pongs.push(payload)
        else if (opcode === OPCODES.PING) await this.send(payload, { opcode: OPCODES.PONG })
        else if (opcode === OPCODES.CLOSE) {
          this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 1005
          // as clients answer; the server may have gone
          await this.send(payload.subarray(0, 2), { opcode: OPCODES.CLOSE }).catch(() => {})
        } else {
          assert.equal(this.closeCode, undefined, 'no message behind the close frame')
          if (opcode !== OPCODES.CONTINUATION) [parts, text] = [[], opcode === OPCODES.TEXT]
          parts.push(payload)
          if ((first & 0x80) === 0) continue
          const message = { text, bytes: Buffer.concat(parts) }
          if (this.take !== undefined) await this.take(message)
          else this.messages.push(message)
        }
        this.#wake?.()
      }
    }
    try {
      await frames()
      for await (const chunk of this.#socket) {
        bytes = bytes.length === 0 ? (chunk as Buffer) : Buffer.concat([bytes, chunk as Buffer])
        await frames()
      }
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (!['ECONNRESET', 'EPIPE', 'ECANCELED', 'ERR_STREAM_PREMATURE_CLOSE'].includes(code ?? '')) throw error
    } finally {
      this.#over = true
      this.#wake?.()
    }
  }
}

/** Throws an error with the status where it is not accepted. */
export const connectWebSocket = async (url: string, protocols: readonly string[]): Promise<WebSocketClient> => {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const key = randomBytes(16).toString('base64')
  const { status, headers, rest } = await sendRequest(socket, [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${key}`,
    ...(protocols.length === 0 ? [] : [`Sec-WebSocket-Protocol: ${protocols.join(', ')}`]),
  ])
  if (status !== 101) {
    socket.destroy()
    throw new Error(`the server answers ${status}`)
  }
  assert.equal(headers.get('sec-websocket-accept')?.[0], createHash('sha1').update(`${key}${GUID}`).digest('base64'))
  assert.equal(headers.get('sec-websocket-extensions'), undefined)
  return new WebSocketClient(socket, rest, headers.get('sec-websocket-protocol')?.[0])
}

/** For SPDY through a WebSocket. Messages are cut elsewhere than frames are. */
export const tunnelCarrier = (client: WebSocketClient): Carrier => {
  const queue: Buffer[] = []
  let wake: (() => void) | undefined
  let over = false
  client.take = ({ bytes }) => {
    queue.push(bytes)
    wake?.()
  }
  void client.closed.then(() => {
    over = true
    wake?.()
  })
  return {
    async write(bytes) {
      for (let at = 0; at < bytes.length; at += 5) await client.send(bytes.subarray(at, at + 5))
    },
    incoming: (async function* () {
      for (;;) {
        const next = queue.shift()
        if (next !== undefined) yield next
        else if (over) return
        else
          await new Promise<void>((resolve) => {
            wake = resolve
          })
      }
    })(),
    close: () => client.destroy(),
  }
}
