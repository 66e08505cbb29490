/** One container’s log: works when its spool changes, rests when there is nothing, waits where the disk refuses. */
import { type FSWatcher, watch } from 'node:fs'
import { SPOOL } from '../../runtime/keeper/layout.ts'
import { type KeeperFolders, readOutcome } from '../../runtime/keeper/wait.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Log } from '../cri.ts'
import type { Workspace } from './derive.ts'
import type { LogPath } from './log-file.ts'
import type { Turns, Worker } from './turns.ts'
import { Writing } from './writing.ts'

/** Milliseconds between two passes over the output of a container that writes little and often. */
const PACE = 10
/** Milliseconds after which a disk is tried again: the first time, and at most. */
const FIRST_RETRY = 100
const LAST_RETRY = 2000
/** Milliseconds between looks at a spool that cannot be watched (inotify’s limits), and while somebody else keeps its files. */
const LOOK = 100
/** Bytes of text after which others have their turn. */
const ENOUGH = 256 * 1024

export interface FollowerOptions {
  readonly id: string
  readonly folders: KeeperFolders
  readonly place: string
  readonly path: LogPath
  readonly log: Log
  readonly turns: Turns
  /** It is known that it has ended. */
  readonly ended: boolean
}

interface Waiting {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

const GONE = (): WherryError => new WherryError('failed-precondition', 'the container has ended, and all of its log is written')
const CLOSED = (): WherryError => new WherryError('cancelled', 'its log is not written any more')

export class Follower implements Worker {
  readonly #options: FollowerOptions
  readonly #writing: Writing
  readonly #watcher: FSWatcher | undefined
  #state: 'resting' | 'asked' | 'working' | 'closed' = 'resting'
  /** Something has changed while it worked. */
  #again = false
  #timer: NodeJS.Timeout | undefined
  #rested = Number.NEGATIVE_INFINITY
  #ended: boolean
  /** What may have come since it was looked for. */
  #mayHaveNext = true
  #mayHaveEnded = true
  #retry = FIRST_RETRY
  /** What it waits for, as it has been logged. */
  #trouble: string | undefined
  #finished: Waiting[] = []
  #reopening: Waiting[] = []
  /** Wait until there is nothing to do, or it cannot be done. */
  #settled: (() => void)[] = []
  #closing: (() => void)[] = []

  constructor(options: FollowerOptions) {
    const { id, folders, place, path, log, ended } = options
    this.#options = options
    this.#ended = ended
    this.#writing = new Writing({ id, spool: folders.spool, place, path, log })
    this.#watcher = this.#watch()
    this.wake()
  }

  get done(): boolean {
    return this.#writing.done
  }

  /** There may be something new. Unless it is urgent, what a container writes in a moment is looked at together. */
  wake(urgent = true): void {
    if (this.#state === 'working') this.#again = true
    if (this.#state !== 'resting' || this.done || (!urgent && this.#trouble !== undefined)) return
    const pause = urgent ? 0 : this.#rested + PACE - performance.now()
    if (pause > 0) this.#timer ??= setTimeout(this.#ask, pause)
    else this.#ask()
  }

  /** Looks at everything anew: changes can go untold. */
  look(): void {
    this.#mayHaveNext = true
    this.#mayHaveEnded = true
    if (this.#trouble === undefined) this.wake()
  }

  /** Nothing more comes: its keeper is gone. */
  end(): void {
    this.#ended = true
    this.wake()
  }

  /** Resolves when all is written, after the end. */
  async finished(): Promise<void> {
    if (this.done) return
    if (this.#state === 'closed') throw CLOSED()
    await new Promise<void>((resolve, reject) => {
      this.#finished.push({ resolve, reject })
      this.look()
    })
  }

  async reopen(): Promise<void> {
    if (this.done) throw GONE()
    if (this.#state === 'closed') throw CLOSED()
    await new Promise<void>((resolve, reject) => {
      this.#reopening.push({ resolve, reject })
      this.wake()
    })
  }

  /** Resolves when what can be written is. */
  async settle(): Promise<void> {
    if (this.#state === 'closed' || this.done) return
    await new Promise<void>((resolve) => {
      this.#settled.push(resolve)
      this.#mayHaveNext = true
      this.#mayHaveEnded = true
      this.wake()
    })
  }

  /** After the work that is under way. */
  async close(): Promise<void> {
    if (this.#state === 'working') await new Promise<void>((resolve) => this.#closing.push(resolve))
    this.#close()
  }

  async turn(workspace: Workspace): Promise<void> {
    if (this.#state === 'closed') return
    this.#state = 'working'
    this.#again = false
    let more = false
    let failure: unknown
    try {
      more = await this.#work(workspace)
      this.#fine()
    } catch (error) {
      failure = error ?? new Error('no reason')
      this.#refused(failure)
    }
    this.#state = 'resting'
    this.#rested = performance.now()
    if (this.done) this.#close()
    else if (this.#closing.length > 0) more = false
    else if (failure !== undefined) this.#tryLater()
    else if (more) this.#ask()
    else if (this.#again) this.wake(this.#reopening.length + this.#finished.length + this.#settled.length > 0)
    else if (this.#writing.held || this.#watcher === undefined) this.#later(LOOK)
    if (failure !== undefined || !(more || this.#again) || this.done) for (const resolve of this.#settled.splice(0)) resolve()
    for (const resolve of this.#closing.splice(0)) resolve()
  }

  /** True: it is not at the end. */
  async #work(workspace: Workspace): Promise<boolean> {
    const writing = this.#writing
    writing.open()
    if (writing.done) return false
    if (!writing.resuming) this.#reopen()
    if (this.#mayHaveEnded && !this.#ended) {
      this.#mayHaveEnded = false
      this.#ended = readOutcome(this.#options.folders) !== undefined
    }
    // it has ended, perhaps, before this looks for what there is: never the other way round
    for (let total = 0; total < ENOUGH; total += workspace.text.length) {
      const next = this.#mayHaveNext || this.#ended
      this.#mayHaveNext = false
      const step = await writing.step(workspace, { next, ended: this.#ended })
      if (step === 'more') this.#mayHaveNext ||= next
      else {
        if (step === 'idle') this.#reopen()
        return false
      }
    }
    return true
  }

  #reopen(): void {
    if (this.#reopening.length === 0) return
    this.#writing.reopen()
    for (const { resolve } of this.#reopening.splice(0)) resolve()
  }

  readonly #ask = (): void => {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#state = 'asked'
    this.#options.turns.ask(this)
  }

  #later(milliseconds: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => {
      this.#mayHaveNext = true
      this.#mayHaveEnded = true
      this.#ask()
    }, milliseconds)
  }

  #tryLater(): void {
    this.#later(this.#retry)
    this.#retry = Math.min(2 * this.#retry, LAST_RETRY)
  }

  #fine(): void {
    this.#retry = FIRST_RETRY
    if (this.#trouble === undefined) return
    this.#trouble = undefined
    this.#options.log.info('the log of the container is written again', { container: this.#options.id })
  }

  #refused(error: unknown): void {
    for (const { reject } of this.#reopening.splice(0)) reject(error)
    this.#mayHaveNext = true
    this.#mayHaveEnded = true
    const trouble = error instanceof Error ? error.message : String(error)
    if (this.#trouble === trouble) return
    this.#trouble = trouble
    const { id, path, log } = this.#options
    log.warn('the log of the container cannot be written: its output waits, and when that is much the container', {
      container: id,
      log: `${path.folder}/${path.name}`,
      error: trouble,
    })
  }

  #close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    clearTimeout(this.#timer)
    this.#watcher?.close()
    try {
      this.#writing.close()
    } catch (error) {
      // the last place counts: what has been written since is found again
      this.#options.log.warn('the place in the log cannot be kept', { container: this.#options.id, error: String(error) })
    }
    for (const { reject } of this.#reopening.splice(0)) reject(this.done ? GONE() : CLOSED())
    for (const { resolve, reject } of this.#finished.splice(0)) {
      if (this.done) resolve()
      else reject(CLOSED())
    }
    for (const resolve of this.#settled.splice(0)) resolve()
  }

  #watch(): FSWatcher | undefined {
    const { spool } = this.#options.folders
    let watcher: FSWatcher
    try {
      watcher = watch(spool)
    } catch (error) {
      if (isErrno(error, 'EMFILE', 'ENFILE', 'ENOSPC', 'ENOMEM')) return undefined
      throw error
    }
    watcher.on('change', (event, name) => {
      if (event === 'change') return this.wake(false)
      if (name === SPOOL.exit) this.#mayHaveEnded = true
      else if (typeof name === 'string' && SPOOL.logPattern.test(name)) this.#mayHaveNext = true
      else return
      this.wake(name === SPOOL.exit)
    })
    // the folder is gone, which the next look finds out
    watcher.on('error', () => this.look())
    return watcher
  }
}
