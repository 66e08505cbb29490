/** A blob into the store and a folder, in a thread of its own. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Census } from '../store/census.ts'
import type { LayerFacts } from './entry.ts'
import { DEFAULT_LIMITS, type LayerLimits } from './limits.ts'
import type { LayerJob } from './pipeline.ts'
import type { FromWorker } from './protocol.ts'
import { giveBack, PIECE, PIECES, say, takeThread, type Thread } from './threads.ts'
import type { OverlayStyle } from './unpack/unpacker.ts'

export interface LayerTask {
  readonly descriptor: Descriptor
  /** The blob’s bytes from `blob.offset` on, or all. Undefined if the whole blob is there already. */
  readonly source?: AsyncIterable<Uint8Array>
  /** Where the blob is written to; what is in it up to `offset` is read first. The descriptor’s position is of no account. */
  readonly blob?: { readonly fd: number; readonly offset: number }
  /** Undefined: the blob is only written and verified. */
  readonly unpack?: {
    readonly diffID: Digest
    /** The layer comes into `folder`/root, which must be empty or missing. */
    readonly folder: string
    /** Missing ones are the defaults. */
    readonly limits?: Partial<LayerLimits>
    readonly style: OverlayStyle
  }
  readonly signal?: AbortSignal
  /** What is in the folder, of a layer that is as it is to be. */
  readonly onCensus?: (census: Census) => void
  /** Bytes of the blob that have been through, those included that were there. */
  readonly onProgress?: (position: number) => void
}

const jobOf = ({ descriptor: { mediaType, digest, size }, blob, unpack }: LayerTask): LayerJob => ({
  mediaType,
  digest,
  size,
  ...(blob === undefined ? {} : { blob: { fd: blob.fd, offset: blob.offset } }),
  ...(unpack === undefined
    ? {}
    : { unpack: { diffID: unpack.diffID, folder: unpack.folder, style: unpack.style, limits: { ...DEFAULT_LIMITS, ...unpack.limits } } }),
})

/**
 * Resolves when all is there and verified; nothing is durable yet. Facts are undefined if nothing was unpacked. Throws `data-loss` if the
 * bytes have another digest or size, or the archive another diff-id; `invalid-argument` if the archive is none or breaks the rules;
 * `resource-exhausted` for limits and a full disk; `cancelled`; and what `source` throws. After a failure blob and folder are the caller’s
 * to keep or to remove, and nothing writes to them any more.
 */
export const unpackLayer = async (task: LayerTask): Promise<LayerFacts | undefined> => {
  const { signal } = task
  const thread = await takeThread(signal).catch((error: unknown) => {
    throw signal?.aborted === true ? cancelled(task) : error
  })
  const run = new Run(thread, task)
  try {
    return await run.result()
  } finally {
    giveBack(thread, run.broken)
  }
}

const cancelled = ({ descriptor, signal }: LayerTask): WherryError =>
  new WherryError('cancelled', `layer ${descriptor.digest}: cancelled`, { cause: signal?.reason })

/** One layer in one thread. */
class Run {
  readonly #thread: Thread
  readonly #task: LayerTask
  readonly #stop = new Int32Array(new SharedArrayBuffer(4))
  readonly #settled: Promise<LayerFacts | undefined>
  #resolve: (facts: LayerFacts | undefined) => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  /** Who waits for something to change. */
  #sleepers: (() => void)[] = []
  /** What is being filled. */
  #buffer: ArrayBuffer | undefined
  #ready = false
  #over = false
  /** Why it is given up; told when the thread has let go. */
  #reason: unknown
  /** The thread is of no use any more. */
  broken = false

  constructor(thread: Thread, task: LayerTask) {
    this.#thread = thread
    this.#task = task
    this.#settled = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  async result(): Promise<LayerFacts | undefined> {
    const { worker } = this.#thread
    const { signal } = this.#task
    const hear = (message: FromWorker): void => this.#hear(message)
    const crash = (error: unknown): void => this.#crashed(error)
    const exit = (code: number): void => this.#crashed(new Error(`its thread has ended with code ${code}`))
    const abort = (): void => this.#giveUp(cancelled(this.#task))
    worker.on('message', hear).on('error', crash).on('exit', exit)
    signal?.addEventListener('abort', abort, { once: true })
    try {
      say(this.#thread, { type: 'begin', job: jobOf(this.#task), stop: this.#stop })
      if (signal?.aborted === true) abort()
      this.#pump().catch((error: unknown) => this.#giveUp(error))
      return await this.#settled
    } finally {
      // the next layer finds all buffers where they belong
      if (this.#buffer !== undefined) this.#thread.spare.push(this.#buffer)
      this.#buffer = undefined
      await this.#until(() => this.broken || this.#thread.spare.length === PIECES)
      signal?.removeEventListener('abort', abort)
      worker.off('message', hear).off('error', crash).off('exit', exit)
    }
  }

  #hear(message: FromWorker): void {
    if (message.type === 'ready') this.#ready = true
    else if (message.type === 'progress') this.#task.onProgress?.(message.position)
    else if (message.type === 'taken') {
      this.#thread.spare.push(message.buffer)
      if (!this.#over) this.#task.onProgress?.(message.position)
    } else this.#finish(message)
    this.#wake()
  }

  #finish(message: Extract<FromWorker, { type: 'done' | 'failed' | 'abandoned' }>): void {
    if (message.type === 'failed' && message.buffer !== undefined) this.#thread.spare.push(message.buffer)
    this.#over = true
    if (this.#reason !== undefined) this.#reject(this.#reason)
    else if (message.type === 'done') {
      if (message.census !== undefined) this.#task.onCensus?.(message.census)
      this.#resolve(message.facts)
    } else if (message.type === 'failed') this.#reject(new WherryError(message.kind, message.message))
  }

  #crashed(error: unknown): void {
    this.broken = true
    this.#over = true
    const problem = new WherryError(
      'internal',
      `layer ${this.#task.descriptor.digest}: the thread that unpacks it broke down: ${String(error)}`,
      {
        cause: error,
      },
    )
    this.#reject(this.#reason ?? problem)
    this.#wake()
  }

  /** The thread stops soon, and says so. */
  #giveUp(reason: unknown): void {
    if (this.#over || this.#reason !== undefined) return
    this.#reason = reason
    Atomics.store(this.#stop, 0, 1)
    say(this.#thread, { type: 'abandon' })
    this.#wake()
  }

  get #ended(): boolean {
    return this.#over || this.#reason !== undefined
  }

  #wake(): void {
    const sleepers = this.#sleepers
    this.#sleepers = []
    for (const wake of sleepers) wake()
  }

  async #until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#sleepers.push(resolve))
  }

  /** From the source to the thread, in pieces of one size, at the thread’s pace. */
  async #pump(): Promise<void> {
    await this.#until(() => this.#ready || this.#ended)
    const iterator = this.#task.source?.[Symbol.asyncIterator]()
    let filled = 0
    const send = (): void => {
      const buffer = this.#buffer
      this.#buffer = undefined
      if (buffer !== undefined) say(this.#thread, { type: 'piece', buffer, length: filled }, [buffer])
      filled = 0
    }
    while (!this.#ended && iterator !== undefined) {
      const { value, done } = await iterator.next()
      if (done === true) break
      for (let at = 0; at < value.length && !this.#ended; ) {
        if (this.#buffer === undefined) {
          await this.#until(() => this.#thread.spare.length > 0 || this.#ended)
          if (this.#ended) break
          this.#buffer = this.#thread.spare.pop()!
        }
        const length = Math.min(value.length - at, PIECE - filled)
        new Uint8Array(this.#buffer, filled, length).set(value.subarray(at, at + length))
        at += length
        filled += length
        if (filled === PIECE) send()
      }
    }
    if (this.#ended) {
      await iterator?.return?.()
      return
    }
    send()
    say(this.#thread, { type: 'end' })
  }
}
