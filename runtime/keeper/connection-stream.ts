/** The long wait for a keeper's events: by the event loop, without a thread of its own. */
import { Socket } from 'node:net'
import type { KeeperEvent, MessageParser } from './connection.ts'

export class ConnectionStream {
  readonly #socket: Socket
  readonly #events: KeeperEvent[] = []
  #closed = false
  #wake: (() => void) | undefined

  /** @param fd is its own from here on. */
  constructor(fd: number, parser: MessageParser) {
    this.#socket = new Socket({ fd, readable: true, writable: true })
    this.#socket.on('data', (bytes: Buffer) => {
      this.#events.push(...parser.push(bytes))
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

  close(): void {
    this.#socket.end()
    this.#socket.destroySoon()
  }
}
