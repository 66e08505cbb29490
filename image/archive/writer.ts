/** What archives of images have in common when they are written. */
import type { ImageTarget } from '../source.ts'

export interface ArchiveWriter {
  /** As messages name it. */
  readonly name: string
  /**
   * A target for one image under these names (canonical references; none: it has no name). Its commit() only notes it down.
   * One blob is written at a time.
   */
  image(names: readonly string[]): ImageTarget
  /** Everything is there, and seen. */
  commit(): Promise<void>
  /** Idempotent; after no commit nothing is left of a new file. */
  close(): Promise<void>
}

/** One after the other: an archive has one end. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve()

  take<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work, work)
    this.#last = turn.catch(() => undefined)
    return turn
  }
}
