/** Reads a spool: what is there, or on and on until the container has ended; exact across rotation. */
import { closeSync, constants, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import type { SpoolCursor } from './cursor.ts'
import { ERRNO } from '../sys/abi/errno.ts'
import { LOCK_EX, LOCK_NB } from '../sys/abi/fcntl.ts'
import { trySyscall } from '../sys/syscall.ts'
import { listSpool } from './files.ts'
import { type Accepts, type From, openNext, openStart } from './find.ts'
import { Following } from './following.ts'
import { isKeeperGone } from './liveness.ts'
import type { Position } from './position.ts'
import type { SpoolRecord } from './spool.ts'
import type { KeeperFolders } from './wait.ts'
import type { Change } from './watch.ts'

export interface ReadOptions {
  /** Default `start`. */
  readonly from?: From
  /** Go on until the container has ended. */
  readonly follow?: boolean
  /** The container waits where this reader is slow; else what is replaced before it was read is lost to it, which is told. */
  readonly hold?: boolean
  /** Ends the reading, without an error. */
  readonly signal?: AbortSignal
}

export type SpoolEvent =
  | ({
      readonly kind: 'record'
      /** Behind the record. */
      readonly position: Position
    } & SpoolRecord)
  /** Records between the last one and the next one have been replaced before they were read. */
  | { readonly kind: 'gap' }

/**
 * The records of a spool in the order in which they were written. Nothing is lost or doubled, across rotation too, unless the
 * reader does not hold and is overtaken: then a gap is told. Following, it ends when the container has ended and all is read.
 */
export class SpoolReader {
  readonly #folders: KeeperFolders
  readonly #hold: boolean
  readonly #signal: AbortSignal | undefined
  readonly #accepts: Accepts
  readonly #following: Following | undefined
  #cursor: SpoolCursor | undefined
  #gap: boolean

  private constructor(
    folders: KeeperFolders,
    { hold = false, signal }: ReadOptions,
    start: { cursor: SpoolCursor | undefined; gap: boolean; accepts: Accepts },
    following: Following | undefined,
  ) {
    this.#folders = folders
    this.#hold = hold
    this.#signal = signal
    this.#accepts = start.accepts
    this.#cursor = start.cursor
    this.#gap = start.gap
    this.#following = following
  }

  /** Finds the place, and holds it if asked to: what is written from now on is read. A folder without a spool is read as an empty one. */
  static async open(folders: KeeperFolders, options: ReadOptions = {}): Promise<SpoolReader> {
    const following = options.follow === true ? new Following(folders, options.signal) : undefined
    try {
      const start = await openStart(folders.spool, options.from ?? 'start', options.hold ?? false)
      return new SpoolReader(folders, options, start ?? { cursor: undefined, gap: false, accepts: (record) => record }, following)
    } catch (error) {
      following?.close()
      throw error
    }
  }

  /** Once. When the iteration is left the reader is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<SpoolEvent, void, undefined> {
    try {
      yield* this.#events()
    } finally {
      await this.close()
    }
  }

  /** Lets go of the spool. Only where no iteration is on. */
  async close(): Promise<void> {
    this.#following?.close()
    const cursor = this.#cursor
    this.#cursor = undefined
    await cursor?.close()
  }

  async *#events(): AsyncGenerator<SpoolEvent, void, undefined> {
    if (this.#gap) yield { kind: 'gap' }
    let last = this.#following === undefined
    let change: Change = 'all'
    while (this.#cursor !== undefined && this.#signal?.aborted !== true) {
      const item = await this.#cursor.next()
      if (item.kind === 'record') {
        yield* this.#pass(item.record)
        continue
      }
      const next = change === 'all' ? await openNext(this.#folders.spool, this.#cursor, this.#hold) : undefined
      if (next !== undefined) {
        // the file was complete before the next one was made: what came since it was looked at is read first
        try {
          yield* this.#rest()
        } finally {
          await this.#cursor.close()
          this.#cursor = next.cursor
        }
        if (next.lost) yield { kind: 'gap' }
      } else if (last) {
        if (item.kind === 'torn' && (this.#following !== undefined || (await isKeeperGone(this.#folders.run)))) yield* this.#torn()
        return
      } else if (change === 'all' && this.#following!.ended) {
        // all was written before the end was told, so it is there at one more look
        last = true
      } else change = await this.#following!.change(item.kind === 'torn')
    }
  }

  /**
   * What is there and has not been read, without waiting: for who is told by other means when there is more. `last`: the container has
   * ended, and what a killed keeper has left of its last record is taken too. Called again and again; in the place of the iteration.
   */
  async *available({ last }: { readonly last: boolean }): AsyncGenerator<SpoolEvent, void, undefined> {
    if (this.#gap) yield { kind: 'gap' }
    this.#gap = false
    this.#cursor ??= (await openStart(this.#folders.spool, 'start', this.#hold))?.cursor
    for (let looked = false; this.#cursor !== undefined; ) {
      const item = await this.#cursor.next()
      if (item.kind === 'record') {
        yield* this.#pass(item.record)
        looked = false
        continue
      }
      const next = await openNext(this.#folders.spool, this.#cursor, this.#hold)
      if (next !== undefined) {
        try {
          yield* this.#rest()
        } finally {
          await this.#cursor.close()
          this.#cursor = next.cursor
        }
        if (next.lost) yield { kind: 'gap' }
      } else if (item.kind === 'end' && !looked) {
        // the end may be that of an earlier read
        looked = true
      } else {
        if (item.kind === 'torn' && last) yield* this.#torn()
        return
      }
    }
  }

  *#pass(found: SpoolRecord): Generator<SpoolEvent, void, undefined> {
    const { position } = this.#cursor!
    const record = this.#accepts(found, position)
    if (record !== undefined) yield { kind: 'record', position, ...record }
  }

  /** What a killed keeper has left of its last record. */
  *#torn(): Generator<SpoolEvent, void, undefined> {
    const part = this.#cursor!.takeTorn()
    if (part !== undefined) yield* this.#pass(part)
  }

  async *#rest(): AsyncGenerator<SpoolEvent, void, undefined> {
    for (;;) {
      const item = await this.#cursor!.next()
      if (item.kind === 'torn') yield* this.#torn()
      if (item.kind !== 'record') return
      yield* this.#pass(item.record)
    }
  }
}

/** SpoolReader as one generator. */
export async function* readSpool(folders: KeeperFolders, options: ReadOptions = {}): AsyncGenerator<SpoolEvent, void, undefined> {
  yield* await SpoolReader.open(folders, options)
}

/** False: a reader holds it. The lock is let go of at once: only readers lock files of a consumed spool. */
const isFree = (path: string): boolean => {
  const fd = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    return trySyscall('flock', fd, LOCK_EX | LOCK_NB) !== -ERRNO.EAGAIN
  } finally {
    closeSync(fd)
  }
}

/**
 * Removes the files of a consumed spool before the one of `position`: what they held has been put elsewhere for good. False: some stay because
 * other readers hold them (attach), who have not put them anywhere; it is to be called again.
 */
export const releaseBefore = (folder: string, { id, sequence }: Position): boolean => {
  for (const { name, header } of listSpool(folder)) {
    if (header.id !== id || header.sequence >= sequence) continue
    const path = join(folder, name)
    // later ones are what such a reader goes on to
    if (!isFree(path)) return false
    rmSync(path, { force: true })
  }
  return true
}
