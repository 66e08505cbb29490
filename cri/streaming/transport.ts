/** What SPDY is spoken over: a connection, or messages of a WebSocket. */
import type { Socket } from 'node:net'

export interface Transport {
  /** Ends when the other side has ended, also where it was cut off. No more is taken from the client than is taken here. */
  readonly incoming: AsyncIterable<Buffer>
  write(...parts: readonly Uint8Array[]): void
  /** Undefined: more at once; else resolves when more is welcome, or the client gone. */
  drained(): Promise<void> | undefined
  /** Sends what was written, and the end. The client is to leave then; without a sign of it for a while it is left. */
  end(): void
  destroy(): void
}

/** Milliseconds without a byte after which a connection is taken for lost, as kubelet has it. */
export const IDLE = 4 * 60 * 60 * 1000

/** Milliseconds that a client which has been told the end may be silent. */
export const LEAVING = 30_000

/** One promise for all who wait for a stream to take more. */
export class Drain {
  #promise: Promise<void> | undefined
  #resolve: (() => void) | undefined

  get waiting(): Promise<void> {
    this.#promise ??= new Promise((resolve) => {
      this.#resolve = resolve
    })
    return this.#promise
  }

  release(): void {
    this.#resolve?.()
    this.#promise = undefined
    this.#resolve = undefined
  }
}

/** @param head what came behind the request */
export const socketTransport = (socket: Socket, head: Buffer): Transport => {
  const drain = new Drain()
  socket.setNoDelay(true)
  socket.setTimeout(IDLE, () => socket.destroy())
  socket.on('drain', () => drain.release())
  socket.on('close', () => drain.release())
  // told of by the end of what is incoming
  socket.on('error', () => {})
  async function* incoming(): AsyncGenerator<Buffer, void, undefined> {
    if (head.length > 0) yield head
    try {
      yield* socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
    } catch {
      // it was cut off, which is an end too
    }
  }
  return {
    incoming: incoming(),
    write(...parts) {
      if (socket.destroyed || socket.writableEnded) return
      socket.cork()
      for (const part of parts) if (part.length > 0) socket.write(part)
      socket.uncork()
    },
    drained: () => (socket.writableNeedDrain && !socket.destroyed ? drain.waiting : undefined),
    end() {
      socket.setTimeout(LEAVING)
      socket.end()
    },
    destroy: () => void socket.destroy(),
  }
}
