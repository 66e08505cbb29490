/**
 * From the bytes of a blob to a folder, as one stream: written, hashed, inflated, hashed, read and unpacked, each byte looked at while it is
 * in the cache. Synchronous but for inflating aside; meant for a worker thread.
 */
import type { Hash } from 'node:crypto'
import { readSync } from 'node:fs'
import { type ErrorKind, WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { algorithmOf, type Digest, digestFrom, hasherFor } from '../digest.ts'
import { entryReader } from './entries.ts'
import type { LayerFacts } from './entry.ts'
import { Inflate } from './inflate.ts'
import { type LayerLimits, limitExceeded } from './limits.ts'
import type { TarReader } from './tar/reader.ts'
import { beginWriting, writeAll } from './unpack/calls.ts'
import { type OverlayStyle, Unpacker } from './unpack/unpacker.ts'

/** What is to be done; plain values, that it may be sent to a thread. */
export interface LayerJob {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes of the blob. */
  readonly size: number
  /** Where the blob is written to; its first `offset` bytes are there, and are read instead of being given. Undefined: nowhere. */
  readonly blob?: { readonly fd: number; readonly offset: number }
  /** Undefined: the blob is not unpacked. */
  readonly unpack?: {
    /** Of the uncompressed archive. */
    readonly diffID: Digest
    /** The layer comes into `folder`/root. */
    readonly folder: string
    readonly limits: LayerLimits
    readonly style: OverlayStyle
  }
}

/** Bytes of what is read from the disk at a time. */
const PIECE = 256 * 1024
/** Bytes of the blob that are sent to the disk together. */
const EARLY = 8 << 20
/** From here on the ratio counts: small bombs hurt nobody. */
const RATIO_FROM = 2 ** 30

export class Pipeline {
  readonly #job: LayerJob
  readonly #stopped: () => boolean
  readonly #hash: Hash
  #position = 0
  /** Up to where the blob is on its way to the disk. */
  #sent: number
  #unpacking: Unpacking | undefined
  /** What is wrong with the archive. Whether the bytes are the right ones is found out first: an archive may be broken because they are not. */
  #problem: WherryError | undefined

  /** `stopped` is asked often. */
  constructor(job: LayerJob, stopped: () => boolean) {
    this.#job = job
    this.#stopped = stopped
    this.#hash = hasherFor(job.digest)
    this.#sent = job.blob?.offset ?? 0
    if (job.unpack !== undefined) this.#unpacking = new Unpacking(job.mediaType, job.unpack, () => this.#checkStopped())
  }

  /** Bytes of the blob that have been through. */
  get position(): number {
    return this.#position
  }

  /** What of the blob is there already. `aside` as in `push`. */
  async resume(aside: () => boolean, onProgress: (position: number) => void): Promise<void> {
    const { blob } = this.#job
    if (blob === undefined) return
    const piece = Buffer.allocUnsafeSlow(PIECE)
    while (this.#position < blob.offset) {
      const length = readSync(blob.fd, piece, 0, Math.min(PIECE, blob.offset - this.#position), this.#position)
      if (length === 0) throw new WherryError('data-loss', `blob ${this.#job.digest}: it was cut to ${this.#position} bytes meanwhile`)
      await this.#pass(piece.subarray(0, length), aside())
      onProgress(this.#position)
    }
  }

  /** With `aside` inflating runs in another thread. `bytes` are not touched any more when it has settled. */
  async push(bytes: Uint8Array, aside: boolean): Promise<void> {
    const { blob, digest, size } = this.#job
    if (this.#position + bytes.length > size)
      throw new WherryError('data-loss', `blob ${digest}: there are more than the ${size} bytes that its descriptor speaks of`)
    if (blob !== undefined) this.#write(blob.fd, bytes)
    await this.#pass(bytes, aside)
  }

  /** What is written goes to the disk at once, so that making it durable takes less time in the end. */
  #write(fd: number, bytes: Uint8Array): void {
    writeAll(fd, bytes, this.#position, this.#job.digest)
    const end = this.#position + bytes.length
    if (end - this.#sent < EARLY) return
    beginWriting(fd, this.#sent, end - this.#sent)
    this.#sent = end
  }

  /** Verifies all that can be; undefined if nothing was unpacked. */
  end(): LayerFacts | undefined {
    const { digest, size } = this.#job
    if (this.#position !== size) throw new WherryError('data-loss', `blob ${digest}: there are ${this.#position} bytes of ${size}`)
    const found = digestFrom(algorithmOf(digest), this.#hash)
    if (found !== digest) throw new WherryError('data-loss', `blob ${digest}: its bytes have the digest ${found}`)
    if (this.#problem !== undefined) throw this.#problem
    return this.#unpacking?.end()
  }

  /** After a failure, or not ended. Not while anything is under way. */
  abandon(): void {
    this.#unpacking?.abandon()
    this.#unpacking = undefined
  }

  #checkStopped(): void {
    if (this.#stopped()) throw new WherryError('cancelled', `layer ${this.#job.digest}: cancelled`)
  }

  async #pass(bytes: Uint8Array, aside: boolean): Promise<void> {
    this.#checkStopped()
    this.#hash.update(bytes)
    this.#position += bytes.length
    if (this.#unpacking === undefined) return
    try {
      const passing = this.#unpacking.push(bytes, this.#position, aside)
      if (passing !== undefined) await passing
    } catch (error) {
      if (!(error instanceof WherryError) || error.kind !== 'invalid-argument') throw error
      this.#problem = error
      this.#unpacking.abandon()
      this.#unpacking = undefined
    }
  }
}

/** An error as it is to be told: with the layer’s name, and its kind. */
export const explainError = ({ digest, unpack }: LayerJob, error: unknown): WherryError => {
  if (error instanceof WherryError)
    return new WherryError(error.kind, error.message.replace(/^layer: /, `layer ${digest}: `), { cause: error.cause })
  const text = error instanceof Error ? error.message : String(error)
  const [kind, what] = CAUSES.find(([codes]) => isErrno(error, ...codes))?.slice(1) ?? ['internal', 'it cannot be unpacked']
  return new WherryError(kind as ErrorKind, `layer ${digest}: ${what}${unpack === undefined ? '' : `: in ${unpack.folder}`}: ${text}`, {
    cause: error,
  })
}

const CAUSES: readonly (readonly [codes: readonly string[], kind: ErrorKind, what: string])[] = [
  [['ENOSPC'], 'resource-exhausted', 'the disk is full: free some space, for example with wherry image prune'],
  [['EDQUOT'], 'resource-exhausted', 'the disk quota is used up: free some space or raise it'],
  [['EMFILE', 'ENFILE'], 'resource-exhausted', 'there are too many open files: raise the limit (ulimit -n)'],
  [['EROFS'], 'failed-precondition', 'the file system is read-only'],
  [['EACCES', 'EPERM'], 'permission-denied', 'the system refuses it'],
]

/** Everything behind the blob. */
class Unpacking {
  readonly #plan: NonNullable<LayerJob['unpack']>
  readonly #inflate: Inflate
  readonly #reader: TarReader
  readonly #unpacker: Unpacker
  readonly #hash: Hash
  #bytes = 0
  #position = 0

  constructor(mediaType: string, plan: NonNullable<LayerJob['unpack']>, check: () => void) {
    this.#plan = plan
    this.#hash = hasherFor(plan.diffID)
    this.#unpacker = new Unpacker(plan.folder, plan.limits, plan.style)
    this.#reader = entryReader(plan.limits, (entry) => this.#unpacker.take(entry))
    this.#inflate = new Inflate(mediaType, (bytes) => {
      check()
      this.#take(bytes)
    })
  }

  push(bytes: Uint8Array, position: number, aside: boolean): Promise<void> | undefined {
    this.#position = position
    if (aside) return this.#inflate.pushAside(bytes)
    this.#inflate.push(bytes)
    return undefined
  }

  end(): LayerFacts {
    this.#inflate.end()
    this.#inflate.close()
    this.#reader.end()
    const { diffID } = this.#plan
    const found = digestFrom(algorithmOf(diffID), this.#hash)
    if (found !== diffID)
      throw new WherryError('data-loss', `layer: uncompressed it has the digest ${found}, and the image’s config says ${diffID}`)
    return this.#unpacker.finish()
  }

  abandon(): void {
    this.#inflate.close()
    this.#unpacker.abandon()
  }

  #take(bytes: Uint8Array): void {
    const { limits } = this.#plan
    this.#bytes += bytes.length
    if (this.#bytes > limits.bytes) throw limitExceeded(limits, 'bytes')
    if (this.#bytes > RATIO_FROM && this.#bytes > this.#position * limits.ratio) throw limitExceeded(limits, 'ratio')
    this.#hash.update(bytes)
    this.#reader.push(bytes)
  }
}
