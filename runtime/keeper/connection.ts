/** A connection to a keeper: the events of a subscriber, and the end of the file when the keeper is gone. */
import { closeSync } from 'node:fs'
import { ERRNO } from '../sys/abi/errno.ts'
import { POLLIN } from '../sys/abi/poll.ts'
import { MSG_DONTWAIT, MSG_NOSIGNAL } from '../sys/abi/socket.ts'
import { SyscallError } from '../sys/error.ts'
import { pollAll } from '../sys/poll.ts'
import { trySyscall } from '../sys/syscall.ts'
import type { ConnectionStream } from './connection-stream.ts'
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

/** Milliseconds that the event loop may stand still for a keeper that is about to answer; most do within one. */
const PATIENCE = 20
/** Bytes of messages that are read at a time. */
const CHUNK = 256

/** The subscriber's end. Nothing of it keeps the process alive but who waits for it. */
export class Connection {
  /** For who waits by poll(2); belongs to the connection. */
  readonly fd: number
  readonly #events: KeeperEvent[] = []
  readonly #parser = new MessageParser()
  #stream: ConnectionStream | undefined
  #ended = false
  #closed = false

  /** @param fd a connected unix socket, which is its own from here on. */
  constructor(fd: number) {
    this.fd = fd
  }

  /** What is there; `end` once the keeper is gone (or `close` was called), undefined while nothing has come. Not while `next` waits. */
  take(): KeeperEvent | 'end' | undefined {
    this.#read()
    return this.#events.shift() ?? (this.#ended ? 'end' : undefined)
  }

  /**
   * The next event, or undefined once the keeper is gone (or `close` was called). One waits at a time.
   * @param patience milliseconds that the event loop may stand still for it: a server's may not for what comes some day
   */
  async next(patience = PATIENCE): Promise<KeeperEvent | undefined> {
    if (this.#stream === undefined) {
      let event = this.take()
      if (event === undefined && patience > 0) {
        pollAll([{ fd: this.fd, events: POLLIN }], patience)
        event = this.take()
      }
      if (event !== undefined) return event === 'end' ? undefined : event
      const { ConnectionStream } = await import('./connection-stream.ts')
      // it may have been closed meanwhile
      if (this.#closed) return undefined
      this.#stream ??= new ConnectionStream(this.fd, this.#parser)
    }
    return this.#stream.next()
  }

  send(request: keyof typeof REQUESTS): void {
    if (this.#closed) return
    const letter = Buffer.from(REQUESTS[request])
    const result = trySyscall('sendto', this.fd, letter, letter.length, MSG_NOSIGNAL | MSG_DONTWAIT, 0, 0)
    // a keeper that is gone is told of by the end of its messages
    if (result < 0 && result !== -ERRNO.EPIPE && result !== -ERRNO.ECONNRESET)
      throw new SyscallError('sendto', -result, { args: [request] })
  }

  /** What was sent still arrives. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#ended = true
    if (this.#stream === undefined) closeSync(this.fd)
    else this.#stream.close()
  }

  #read(): void {
    const bytes = Buffer.alloc(CHUNK)
    while (!this.#ended) {
      const length = trySyscall('recvfrom', this.fd, bytes, bytes.length, MSG_DONTWAIT, 0, 0)
      if (length === -ERRNO.EAGAIN) return
      if (length === -ERRNO.EINTR) continue
      // a reset is an end too: the keeper was killed with a request unread
      if (length < 0 && length !== -ERRNO.ECONNRESET) throw new SyscallError('recvfrom', -length)
      if (length <= 0) this.#ended = true
      else this.#events.push(...this.#parser.push(Buffer.from(bytes.subarray(0, length))))
    }
  }
}
