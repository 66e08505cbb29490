/** A WebSocket of a client: messages out, with the back-pressure of the connection below it. */
import type { Socket } from 'node:net'
import type { WebSocket } from 'ws'
import { Drain, IDLE } from '../transport.ts'

/** RFC 6455, "Defined Status Codes". */
export const CLOSE = { NORMAL: 1000, PROTOCOL_ERROR: 1002, INVALID_DATA: 1007 } as const

export class Sender {
  readonly #drain = new Drain()
  readonly #gone = new AbortController()
  readonly #webSocket: WebSocket
  readonly #connection: Socket

  /** @param connection that the WebSocket is spoken over */
  constructor(webSocket: WebSocket, connection: Socket) {
    this.#webSocket = webSocket
    this.#connection = connection
    connection.setTimeout(IDLE, () => connection.destroy())
    connection.on('drain', () => this.#drain.release())
    webSocket.on('close', () => this.#left())
    // what is no WebSocket is closed by the library, with the code for it
    webSocket.on('error', () => {})
  }

  /** Aborted when the client has gone. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  send(message: Uint8Array | string): void {
    if (this.#webSocket.readyState === this.#webSocket.OPEN) this.#webSocket.send(message, { binary: typeof message !== 'string' })
  }

  drained(): Promise<void> | undefined {
    return this.#connection.writableNeedDrain && !this.#connection.destroyed ? this.#drain.waiting : undefined
  }

  /** The client answers that. */
  close(code: number = CLOSE.NORMAL): void {
    this.#webSocket.close(code)
    // its answer stands behind what it has sent
    this.#webSocket.resume()
  }

  destroy(): void {
    this.#webSocket.terminate()
  }

  #left(): void {
    this.#drain.release()
    this.#gone.abort()
  }
}
