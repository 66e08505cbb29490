/**
 * What a container has written, put into its log exactly once: text is derived from the spool (derive.ts), compared with what a server that was
 * killed has left behind its last place, and appended. After a failure it is derived again from where it can be, as after a crash.
 */
import { releaseBefore } from '../../runtime/keeper/reader.ts'
import type { Log } from '../cri.ts'
import { Derivation, type Look, type Start, type Step, type Workspace } from './derive.ts'
import { LogFile, type LogPath } from './log-file.ts'
import { type Place, readPlace, writePlace } from './place.ts'

export interface WritingOptions {
  readonly id: string
  readonly spool: string
  /** File that the place is kept in. */
  readonly place: string
  readonly path: LogPath
  readonly log: Log
}

const NEWLINE = 0x0a
/** Milliseconds: the place of a container that writes little and often is not written each time. Nothing depends on it but how much is compared. */
const OFTEN = 1000

export class Writing {
  readonly #options: WritingOptions
  #opened = false
  #file: LogFile | undefined
  #derivation: Derivation | undefined
  #start: Start | undefined
  /** Bytes of text derived since `start`; and how many more of them are in logs already. */
  #derived = 0
  #skip = 0
  /** What the last server has written behind its place: from, to. */
  #left: { at: number; readonly end: number } | undefined
  /** Something has been put since the place was written. */
  #changed = false
  #saved = Number.NEGATIVE_INFINITY
  /** The file is not the one at the path any more: it gets what it has already, and no more. */
  #renamed = false
  /** Another file of the spool has been begun, which has not been written down. */
  #turned = false
  /** Files of the spool wait to be removed until who reads them has gone on. */
  held = false
  done = false

  constructor(options: WritingOptions) {
    this.#options = options
  }

  /** What a server has left is still being compared: no other file can be begun. */
  get resuming(): boolean {
    return this.#left !== undefined
  }

  /** Idempotent. Throws what opening the log fails with. */
  open(): void {
    if (this.#opened) return
    const place = readPlace(this.#options.place)
    if (place?.done === true) this.done = true
    else if (place === undefined) this.#begin()
    else this.#resume(place)
    this.#opened = true
  }

  #begin(): void {
    this.#file = LogFile.open(this.#options.path)
    try {
      this.#save()
    } catch (error) {
      this.#file.close()
      this.#file = undefined
      throw error
    }
  }

  #resume(place: Place): void {
    const there = LogFile.open(this.#options.path)
    this.#file = there
    if (!there.is(place.file)) this.#resumeRenamed(place, there)
    const { size } = this.#file
    if (this.#file.is(place.file) && size > place.size) this.#left = { at: place.size, end: size }
    this.#start = place.start
    this.#skip = place.derived
  }

  /** kubelet has renamed the file, and nobody was there to be told. */
  #resumeRenamed(place: Place, there: LogFile): void {
    const { id, path, log } = this.#options
    const file = LogFile.find(path, place.file)
    if (file === undefined) {
      log.warn('the log that was written last is gone, and may have had more than is known: that is written again', { container: id })
      return
    }
    there.close()
    this.#file = file
    this.#renamed = true
  }

  /** Derives and puts what comes next. Throws what fails; then it can be called again. */
  async step(workspace: Workspace, look: Look): Promise<Step> {
    const { text } = workspace
    try {
      this.#derivation ??= new Derivation(this.#options.spool, this.#start)
      const step = await this.#derivation.step(workspace, look)
      if (this.#derivation.lost) this.#tellLoss()
      const skipped = Math.min(this.#skip, text.length)
      this.#skip -= skipped
      const derived = this.#derived + skipped
      this.#derived = derived
      await this.#put(text.bytes, skipped, text.length, (length) => {
        this.#derived = derived + length
      })
      this.#advance(this.#derivation.restart)
      if (step === 'idle') this.#rest()
      else if (step === 'done') this.#finish()
      return step
    } catch (error) {
      this.#again()
      throw error
    }
  }

  /** From the next line on the file at the path is written: another one, if that was renamed. */
  reopen(): void {
    if (this.#left !== undefined) this.#endComparison()
    const next = LogFile.open(this.#options.path)
    const last = this.#file
    try {
      if (last?.is(next) === true) next.close()
      else {
        this.#file = next
        this.#save()
        last?.close()
      }
      this.#renamed = false
    } catch (error) {
      this.#file = last
      next.close()
      throw error
    }
  }

  /** Removes what is in the log from the spool. */
  release(): void {
    if (this.#start === undefined) return
    const { id, sequence, offset } = this.#start
    this.held = !releaseBefore(this.#options.spool, { id, sequence: this.done ? sequence + 1n : sequence, offset })
  }

  /** Idempotent; it cannot be gone on with. */
  close(): void {
    if (!this.done && this.#changed) this.#save()
    this.#derivation?.close()
    this.#file?.close()
    this.#derivation = undefined
    this.#file = undefined
  }

  async #put(bytes: Buffer, from: number, to: number, progress: (length: number) => void): Promise<void> {
    let at = from
    if (this.#left !== undefined) {
      at += this.#compare(bytes, from, to)
      progress(at - from)
      if (this.#left !== undefined) return
    }
    if (at === to) return
    if (this.#renamed) this.reopen()
    const same = at - from
    this.#changed = true
    await this.#file?.append(bytes, at, to, (length) => progress(same + length))
  }

  /** How much of the text stands in the log already: whole lines. */
  #compare(bytes: Buffer, from: number, to: number): number {
    const left = this.#left!
    const wanted = Math.min(to - from, left.end - left.at)
    const same = this.#file!.matches(bytes, from, from + wanted, left.at)
    left.at += same
    if (same === to - from) {
      if (left.at === left.end) this.#left = undefined
      return same
    }
    const line = same === 0 ? 0 : Math.max(0, bytes.lastIndexOf(NEWLINE, from + same - 1) + 1 - from)
    // a line that the last server was killed in the middle of is written anew
    if (left.at === left.end && line < same) this.#file!.truncate(left.at - (same - line))
    this.#endComparison()
    return line
  }

  #endComparison(): void {
    const { id, log } = this.#options
    if (this.#left!.at < this.#left!.end) log.warn('somebody else has written to the log: a line may be in it twice', { container: id })
    this.#left = undefined
  }

  #advance(restart: Start | undefined): void {
    if (restart === undefined) return
    this.#turned ||= this.#start !== undefined && this.#start.sequence !== restart.sequence
    this.#start = restart
    this.#derived = 0
    if (!this.#turned) return
    this.#save()
    this.#turned = false
    this.release()
  }

  /** After a failure: what has been derived and put is skipped. */
  #again(): void {
    this.#derivation?.close()
    this.#derivation = undefined
    this.#skip += this.#derived
    this.#derived = 0
  }

  #rest(): void {
    this.#derivation?.rest()
    if (this.#renamed && this.#left === undefined) this.reopen()
    if (this.#changed && performance.now() - this.#saved > OFTEN) this.#save()
    if (this.held) this.release()
  }

  #finish(): void {
    // there was more in the log than there is to derive
    if (this.#left !== undefined) this.#endComparison()
    if (this.#renamed) this.reopen()
    this.done = true
    try {
      this.#save()
    } catch (error) {
      this.done = false
      throw error
    }
    this.release()
    this.close()
  }

  #save(): void {
    const file = this.#file
    writePlace(this.#options.place, {
      start: this.#start,
      derived: this.#derived + this.#skip,
      file: { dev: file?.dev ?? 0n, ino: file?.ino ?? 0n },
      size: this.#left?.at ?? file?.size ?? 0,
      done: this.done,
    })
    this.#changed = false
    this.#saved = performance.now()
  }

  #tellLoss(): void {
    const { id, log } = this.#options
    this.#derivation!.lost = false
    log.error('output of a container is lost: files of its spool are gone', { container: id })
  }
}
