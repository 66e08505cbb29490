/** From a layer’s blob to its archive: gzip (RFC 1952), zstd (RFC 8878), or as it is. */
import { WherryError } from '../../runtime/errors.ts'
import { type Decoder, DecoderError, gzipDecoder, zstdDecoder } from '../../runtime/sys/decoder.ts'

export type Compression = 'gzip' | 'zstd' | 'none'

/** Takes uncompressed bytes, which are only good during the call. */
export type Take = (bytes: Uint8Array) => void

/** Stays within a core’s second-level cache, where hashing and writing find it again. */
const OUTPUT = 256 * 1024
/** 128 MiB, what zstd(1) decompresses without being asked to. */
const ZSTD_WINDOW_LOG = 27

const beginsWith = (bytes: Uint8Array, ...magic: readonly number[]): boolean => magic.every((byte, at) => bytes[at] === byte)

const compressionOf = (head: Uint8Array): Compression => {
  if (beginsWith(head, 0x1f, 0x8b)) return 'gzip'
  if (beginsWith(head, 0x28, 0xb5, 0x2f, 0xfd)) return 'zstd'
  // a frame to be skipped, as estargz’ and zstd:chunked’s tools write them
  const skippable = head.length >= 4 && (head[0]! & 0xf0) === 0x50 && head[1] === 0x2a && head[2] === 0x4d && head[3] === 0x18
  return skippable ? 'zstd' : 'none'
}

/** OCI’s own types for what is not compressed are the only ones that are believed: as with containerd, the bytes decide otherwise. */
const saysPlain = (mediaType: string): boolean => /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar$/.test(mediaType)

const broken = (compression: Compression, problem: string): WherryError =>
  new WherryError('invalid-argument', `layer: ${compression}: ${problem}`)

/** Decompresses what it is given piece by piece. All of its methods throw `invalid-argument`, and what `take` throws. */
export class Inflate {
  readonly #mediaType: string
  readonly #take: Take
  #compression: Compression | undefined
  #decoder: Decoder | undefined
  #head: Uint8Array = new Uint8Array(0)
  /** One is filled while the other is taken. */
  #outputs: readonly [Uint8Array, Uint8Array] | undefined
  #turn = 0
  #waiting: Uint8Array | undefined
  /** True between two members or frames. */
  #whole = true

  constructor(mediaType: string, take: Take) {
    this.#mediaType = mediaType
    this.#take = take
  }

  /** What it is, once four bytes have come. */
  get compression(): Compression | undefined {
    return this.#compression
  }

  push(bytes: Uint8Array): void {
    // what pushAside has left
    this.#flush()
    for (let rest = this.#begin(bytes); rest !== undefined; ) {
      const output = this.#nextOutput()
      const decoder = this.#decoder!
      this.#check(() => decoder.step(rest!, output))
      rest = this.#after(rest, output)
      this.#flush()
    }
  }

  /** The same, with inflating and taking at the same time, in two threads. `bytes` may not be touched before it has settled. */
  async pushAside(bytes: Uint8Array): Promise<void> {
    for (let rest = this.#begin(bytes); rest !== undefined; ) {
      const output = this.#nextOutput()
      const step = this.#decoder!.stepAside(rest, output)
      let problem: unknown
      try {
        this.#flush()
      } catch (error) {
        problem = error
      }
      // whatever happens, nothing may go on before the other thread has let go of the buffers
      await step.catch((error: unknown) => {
        problem ??= error
      })
      if (problem !== undefined) throw this.#explained(problem)
      rest = this.#after(rest, output)
    }
  }

  /** Hands over what is left; the last member or frame must be complete. */
  end(): void {
    if (this.#compression === undefined) this.#decide(true)
    this.#flush()
    if (!this.#whole) throw broken(this.#compression!, 'the data is cut off')
  }

  /** Idempotent; not while `pushAside` is under way. */
  close(): void {
    this.#decoder?.close()
    this.#decoder = undefined
  }

  /** What there is to decode; undefined if there is nothing. */
  #begin(bytes: Uint8Array): Uint8Array | undefined {
    if (this.#compression === undefined) {
      this.#head = this.#head.length === 0 ? bytes : Buffer.concat([this.#head, bytes])
      if (this.#head.length < 4) {
        this.#head = Uint8Array.from(this.#head)
        return undefined
      }
      return this.#decide(false)
    }
    return this.#plainOr(bytes)
  }

  #decide(ended: boolean): Uint8Array | undefined {
    const head = this.#head
    this.#compression = saysPlain(this.#mediaType) ? 'none' : compressionOf(head)
    if (this.#compression !== 'none') {
      if (ended) throw broken(this.#compression, 'the data is cut off')
      this.#check(() => {
        this.#decoder = this.#compression === 'gzip' ? gzipDecoder() : zstdDecoder(ZSTD_WINDOW_LOG)
      })
      this.#outputs = [Buffer.allocUnsafeSlow(OUTPUT), Buffer.allocUnsafeSlow(OUTPUT)]
    }
    this.#head = new Uint8Array(0)
    return this.#plainOr(head)
  }

  #plainOr(bytes: Uint8Array): Uint8Array | undefined {
    if (bytes.length === 0) return undefined
    if (this.#compression !== 'none') return bytes
    this.#take(bytes)
    return undefined
  }

  #nextOutput(): Uint8Array {
    this.#turn ^= 1
    return this.#outputs![this.#turn]!
  }

  /** What of the input is left; undefined if nothing is, and no output either. */
  #after(input: Uint8Array, output: Uint8Array): Uint8Array | undefined {
    const { read, written, ended } = this.#decoder!
    if (written > 0) this.#waiting = output.subarray(0, written)
    if (read > 0 || written > 0 || ended) this.#whole = ended
    const rest = input.subarray(read)
    if (ended) return rest.length === 0 ? undefined : this.#checkMember(rest)
    return rest.length === 0 && written < output.length ? undefined : rest
  }

  /** Behind one member another may stand, and nothing else. */
  #checkMember(rest: Uint8Array): Uint8Array {
    if (this.#compression === 'gzip' && (rest[0] !== 0x1f || (rest.length > 1 && rest[1] !== 0x8b)))
      throw broken('gzip', 'behind the compressed data stands something else')
    return rest
  }

  #flush(): void {
    const waiting = this.#waiting
    this.#waiting = undefined
    if (waiting !== undefined) this.#take(waiting)
  }

  #check(action: () => void): void {
    try {
      action()
    } catch (error) {
      throw this.#explained(error)
    }
  }

  #explained(error: unknown): unknown {
    return error instanceof DecoderError ? broken(this.#compression!, error.message) : error
  }
}

/** The archive in a blob; each piece is good until the next one is asked for. */
export async function* inflated(blob: AsyncIterable<Uint8Array>, mediaType: string): AsyncGenerator<Uint8Array, void, undefined> {
  let pieces: Uint8Array[] = []
  // pieces are taken as they come, and there may be many in what one push makes of a chunk
  const inflate = new Inflate(mediaType, (bytes) => pieces.push(Uint8Array.from(bytes)))
  try {
    for await (const chunk of blob) {
      for (let at = 0; at < chunk.length; at += 16 * 1024) {
        inflate.push(chunk.subarray(at, at + 16 * 1024))
        yield* pieces
        pieces = []
      }
    }
    inflate.end()
    yield* pieces
  } finally {
    inflate.close()
  }
}
