/**
 * The server's side of SPDY/3.1 as Kubernetes speaks it (github.com/moby/spdystream). Written here and not taken from a library, for that
 * dialect has no flow control: its clients send no WINDOW_UPDATE and heed none, so a library that keeps to the specification stops after 64
 * KiB. The back-pressure is TCP's alone; a stream that nobody reads keeps the others of its connection waiting.
 */
import { WherryError } from '../../../runtime/errors.ts'
import { Inbox } from '../inbox.ts'
import type { Transport } from '../transport.ts'
import type { Sink } from '../types.ts'
import {
  dataHeader,
  FLAG_FIN,
  goAwayFrame,
  HEADER_SIZE,
  MOST_DATA,
  pingFrame,
  replyFrame,
  RESET,
  resetFrame,
  TYPES,
  VERSION,
} from './frames.ts'
import { HeaderReader, type Headers, MOST_BYTES } from './headers.ts'

/** Bytes of a control frame at most: a compressed block of headers may be a little longer than it is otherwise. */
const MOST_CONTROL = MOST_BYTES + 1024
/** Streams of a connection at a time. */
const MOST_STREAMS = 2000

export class SpdyStream implements Sink {
  readonly id: number
  readonly headers: Headers
  readonly inbox = new Inbox()
  readonly #connection: SpdyConnection
  /** What has ended. */
  #ours = false
  #theirs = false

  constructor(connection: SpdyConnection, id: number, headers: Headers) {
    this.#connection = connection
    this.id = id
    this.headers = headers
  }

  write(bytes: Uint8Array): Promise<void> | undefined {
    if (this.#ours) return undefined
    return this.#connection.send(this.id, bytes)
  }

  end(): void {
    if (this.#ours) return
    this.#ours = true
    this.#connection.sendEnd(this.id)
    if (this.#theirs) this.#connection.forget(this)
  }

  /** Ends both directions, of which the client may lose some. */
  reset(status: number = RESET.CANCEL): void {
    if (this.#ours && this.#theirs) return
    this.#connection.sendReset(this.id, status)
    this.ended()
  }

  /** The client has ended its direction. */
  theirEnd(): void {
    this.#theirs = true
    this.inbox.end()
    if (this.#ours) this.#connection.forget(this)
  }

  /** There is nothing more in either direction. */
  ended(): void {
    this.#ours = true
    this.theirEnd()
  }
}

export interface SpdyOptions {
  /** A client wants a stream: false refuses it. It is not to be written to before this has returned. */
  readonly accept: (stream: SpdyStream) => boolean
}

interface FrameHead {
  /** Of a control frame; undefined for data. */
  readonly type: number | undefined
  readonly stream: number
  readonly flags: number
}

export class SpdyConnection {
  readonly #transport: Transport
  readonly #accept: SpdyOptions['accept']
  readonly #headers = new HeaderReader()
  readonly #streams = new Map<number, SpdyStream>()
  readonly #gone = new AbortController()
  #replied = false
  #last = 0
  #leaving = false

  /** `run` has to be called. */
  constructor(transport: Transport, { accept }: SpdyOptions) {
    this.#transport = transport
    this.#accept = accept
  }

  /** Aborted when there is nobody at the other end. */
  get gone(): AbortSignal {
    return this.#gone.signal
  }

  /** Reads until the client has left. Throws `invalid-argument` for what is no SPDY; the connection is closed in any case. */
  async run(): Promise<void> {
    try {
      await this.#read()
    } finally {
      this.#gone.abort()
      for (const stream of this.#streams.values()) stream.ended()
      this.#headers.close()
      this.#transport.destroy()
    }
  }

  /** Ends all streams, sends what was written, and hears no more. The client’s own words are read until it leaves: else ours could be lost. */
  close(): void {
    if (this.#leaving) return
    this.#leaving = true
    for (const stream of this.#streams.values()) {
      stream.inbox.drop()
      stream.end()
    }
    this.#transport.write(goAwayFrame(this.#last))
    this.#transport.end()
  }

  /** For streams. */
  send(stream: number, bytes: Uint8Array): Promise<void> | undefined {
    for (let at = 0; at < bytes.length; at += MOST_DATA) {
      const part = bytes.subarray(at, at + MOST_DATA)
      this.#transport.write(dataHeader(stream, part.length, 0), part)
    }
    return this.#transport.drained()
  }

  sendEnd(stream: number): void {
    this.#transport.write(dataHeader(stream, 0, FLAG_FIN))
  }

  sendReset(stream: number, status: number): void {
    this.#transport.write(resetFrame(stream, status))
  }

  forget(stream: SpdyStream): void {
    this.#streams.delete(stream.id)
  }

  async #read(): Promise<void> {
    const header = Buffer.alloc(HEADER_SIZE)
    let filled = 0
    let left = 0
    let head: FrameHead | undefined
    let control: Buffer | undefined
    for await (const chunk of this.#transport.incoming) {
      let rest = chunk
      while (rest.length > 0) {
        if (head === undefined) {
          const length = Math.min(HEADER_SIZE - filled, rest.length)
          rest.copy(header, filled, 0, length)
          filled += length
          rest = rest.subarray(length)
          if (filled < HEADER_SIZE) break
          filled = 0
          head = this.#head(header)
          left = header.readUIntBE(5, 3)
          if (head.type !== undefined) {
            if (left > MOST_CONTROL)
              throw new WherryError('invalid-argument', `a control frame of ${left} bytes: at most ${MOST_CONTROL} are read`)
            control = Buffer.alloc(left)
          }
        }
        const part = rest.subarray(0, left)
        rest = rest.subarray(part.length)
        if (control === undefined) {
          const room = this.#streams.get(head.stream)?.inbox.push(part)
          if (room !== undefined) await room
        } else part.copy(control, control.length - left)
        left -= part.length
        if (left > 0) break
        if (control !== undefined) await this.#control(head.type!, head.flags, control)
        else if ((head.flags & FLAG_FIN) !== 0) this.#streams.get(head.stream)?.theirEnd()
        head = undefined
        control = undefined
      }
    }
  }

  #head(header: Buffer): FrameHead {
    const first = header.readUInt32BE(0)
    const flags = header.readUInt8(4)
    if (first >>> 31 === 0) return { type: undefined, stream: first, flags }
    const version = (first >>> 16) & 0x7fff
    if (version !== VERSION)
      throw new WherryError('invalid-argument', `a frame of SPDY version ${version}: only version ${VERSION} is spoken`)
    return { type: first & 0xffff, stream: 0, flags }
  }

  async #control(type: number, flags: number, payload: Buffer): Promise<void> {
    const word = (at: number): number => {
      if (payload.length < at + 4) throw new WherryError('invalid-argument', `a frame of type ${type} is cut`)
      return payload.readUInt32BE(at) & 0x7fffffff
    }
    if (type === TYPES.SYN_STREAM) {
      const id = word(0)
      word(6)
      // also of streams that are refused: the next block builds upon it
      const headers = await this.#headers.read(payload.subarray(10))
      await this.#open(id, flags, headers)
    } else if (type === TYPES.HEADERS || type === TYPES.SYN_REPLY) {
      const stream = this.#streams.get(word(0))
      await this.#headers.read(payload.subarray(4))
      if ((flags & FLAG_FIN) !== 0) stream?.theirEnd()
    } else if (type === TYPES.RST_STREAM) this.#streams.get(word(0))?.ended()
    else if (type === TYPES.PING) {
      // those with even numbers would answer ours
      if (word(0) % 2 === 1) this.#transport.write(pingFrame(payload.subarray(0, 4)))
      const room = this.#transport.drained()
      if (room !== undefined) await room
    }
    // GOAWAY comes before the end of the connection; SETTINGS and WINDOW_UPDATE are of no use here, and what is not known is to be ignored
  }

  async #open(id: number, flags: number, headers: Headers): Promise<void> {
    if (this.#leaving) return
    if (id % 2 === 0 || id <= this.#last) {
      this.sendReset(id, RESET.PROTOCOL_ERROR)
    } else if (this.#streams.size >= MOST_STREAMS) {
      this.#last = id
      this.sendReset(id, RESET.REFUSED_STREAM)
    } else {
      this.#last = id
      const stream = new SpdyStream(this, id, headers)
      this.#streams.set(id, stream)
      if ((flags & FLAG_FIN) !== 0) stream.theirEnd()
      if (this.#accept(stream)) {
        this.#transport.write(replyFrame(id, !this.#replied))
        this.#replied = true
      } else stream.reset(RESET.REFUSED_STREAM)
    }
    const room = this.#transport.drained()
    if (room !== undefined) await room
  }
}
