/** A connection to a keeper as a stream: the events of a subscriber, and the end of the file when the keeper is gone. */
import { Socket } from 'node:net'
import { EVENTS, MESSAGE, REQUESTS } from './layout.ts'

export interface KeeperEvent {
  readonly type: keyof typeof EVENTS
  readonly value: number
}

const TYPES = new Map<number, keyof typeof EVENTS>(
  Object.entries(EVENTS).map(([name, letter]) => [letter.charCodeAt(0), name as keyof typeof EVENTS]),
)

/** Messages out of the bytes of a stream, however they are cut. A message of a type that is not known is passed over. */
export class MessageParser {
  #rest: Buffer = Buffer.alloc(0)

  push(bytes: Buffer): KeeperEvent[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes])
    const events: KeeperEvent[] = []
    while (this.#rest.length >= MESSAGE.size) {
      const type = TYPES.get(this.#rest.readUInt8(MESSAGE.type))
      if (type !== undefined) events.push({ type, value: Number(this.#rest.readBigInt64LE(MESSAGE.value)) })
      this.#rest = this.#rest.subarray(MESSAGE.size)
    }
    return events
  }
}

/** The subscriber's end. Nothing of it keeps the process alive but who waits for it. */
export class Connection {
  readonly #socket: Socket
  readonly #events: KeeperEvent[] = []
  readonly #parser = new MessageParser()
  #closed = false
  #wake: (() => void) | undefined

  /** @param fd a connected unix socket, which is its own from here on. */
  constructor(fd: number) {
    this.#socket = new Socket({ fd, readable: true, writable: true })
    this.#socket.on('data', (bytes: Buffer) => {
      this.#events.push(...this.#parser.push(bytes))
      this.#wake?.()
    })
    // a reset is an end too: the keeper was killed with a request unread
    this.#socket.on('error', () => {})
    this.#socket.on('close', () => {
      this.#closed = true
      this.#wake?.()
    })
    this.#socket.unref()
  }

  /** The next event, or undefined once the keeper is gone (or `close` was called). One waits at a time. */
  async next(): Promise<KeeperEvent | undefined> {
    this.#socket.ref()
    try {
      while (this.#events.length === 0 && !this.#closed) {
        await new Promise<void>((resolve) => {
          this.#wake = resolve
        })
      }
    } finally {
      this.#wake = undefined
      this.#socket.unref()
    }
    return this.#events.shift()
  }

  send(request: keyof typeof REQUESTS): void {
    if (!this.#closed) this.#socket.write(REQUESTS[request])
  }

  /** What was sent still arrives. */
  close(): void {
    this.#socket.end()
    this.#socket.destroySoon()
  }
}
