/**
 * Several streams over one WebSocket, k8s.io/streaming/pkg/httpstream/wsstream: the first byte of a message is the number of its channel. With
 * base64 messages are text: a digit, and what follows in base64. Only version 5 can end one channel: 255, and its number.
 */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Inbox } from '../inbox.ts'
import type { Sink } from '../types.ts'
import { CLOSE, Sender } from './sender.ts'

const CLOSE_CHANNEL = 255
const ZERO = 0x30

export interface ChannelsOptions {
  readonly base64: boolean
  /** Clients can end a channel. */
  readonly closes: boolean
  /** What clients may write to, and how many channels there are. */
  readonly inputs: readonly number[]
  readonly count: number
}

export class Channels {
  readonly #options: ChannelsOptions
  readonly #inboxes: ReadonlyMap<number, Inbox>
  readonly #webSocket: WebSocket
  readonly #sender: Sender

  constructor(webSocket: WebSocket, connection: Socket, options: ChannelsOptions) {
    this.#options = options
    this.#webSocket = webSocket
    this.#inboxes = new Map(options.inputs.map((number) => [number, new Inbox()]))
    this.#sender = new Sender(webSocket, connection)
    webSocket.on('message', (data) => this.#take(data as Buffer))
    this.gone.addEventListener('abort', () => {
      for (const inbox of this.#inboxes.values()) inbox.end()
    })
  }

  get gone(): AbortSignal {
    return this.#sender.gone
  }

  /** Of a channel that is an input. */
  inbox(number: number): Inbox {
    const found = this.#inboxes.get(number)
    if (found === undefined) throw new RangeError(`channel ${number} is no input`)
    return found
  }

  /** Clients are not told of the end of a channel: there is no message for that. */
  sink(number: number): Sink {
    let open = true
    return {
      write: (bytes) => {
        if (!open) return undefined
        this.#sender.send(this.#message(number, bytes))
        return this.#sender.drained()
      },
      end: () => {
        open = false
      },
    }
  }

  close(code: number = CLOSE.NORMAL): void {
    for (const inbox of this.#inboxes.values()) inbox.drop()
    this.#sender.close(code)
  }

  destroy(): void {
    this.#sender.destroy()
  }

  #message(number: number, bytes: Uint8Array): Buffer | string {
    if (this.#options.base64)
      return String.fromCharCode(ZERO + number) + Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('base64')
    const message = Buffer.allocUnsafe(1 + bytes.length)
    message[0] = number
    message.set(bytes, 1)
    return message
  }

  #take(message: Buffer): void {
    const first = message[0]
    if (first === undefined) return
    if (this.#options.closes && first === CLOSE_CHANNEL) {
      const number = message[1]
      if (message.length !== 2 || number === undefined || number >= this.#options.count) this.close(CLOSE.PROTOCOL_ERROR)
      else this.#inboxes.get(number)?.end()
      return
    }
    const inbox = this.#inboxes.get(this.#options.base64 ? first - ZERO : first)
    if (inbox === undefined) return
    const bytes = this.#options.base64 ? decode(message) : message.subarray(1)
    const room = bytes === undefined ? this.close(CLOSE.INVALID_DATA) : inbox.push(bytes)
    if (room === undefined) return
    this.#webSocket.pause()
    void room.then(() => this.#webSocket.resume())
  }
}

const decode = (message: Buffer): Buffer | undefined => {
  const text = message.toString('latin1', 1)
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text) ? Buffer.from(text, 'base64') : undefined
}
