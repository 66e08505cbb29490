/** A keeper as its subscriber sees it. */
import { join } from 'node:path'
import { WherryError } from '../errors.ts'
import type { Image } from '../program/link.ts'
import { Page } from '../program/page.ts'
import { sleep } from '../sleep.ts'
import { monotonic } from '../sys/clock.ts'
import { isErrno, type SyscallError } from '../sys/error.ts'
import { unixConnect } from '../sys/unix.ts'
import { Connection } from './connection.ts'
import type { ExitRecord } from './exit.ts'
import { RUN } from './layout.ts'
import { readKeeperPage } from './page.ts'
import { type KeeperFolders, readOutcome } from './wait.ts'

/** Milliseconds that a keeper may take to accept a connection. */
const PATIENCE = 2000

export class Keeper {
  readonly #connection: Connection
  readonly #image: (() => Promise<Image>) | undefined
  readonly #folders: KeeperFolders
  #over = false
  #ended: Promise<ExitRecord | undefined> | undefined

  /** @param image undefined where another process has started the keeper: what fails cannot be named then. */
  constructor(connection: Connection, image: (() => Promise<Image>) | undefined, folders: KeeperFolders) {
    this.#connection = connection
    this.#image = image
    this.#folders = folders
  }

  /** Resolves to init's pid once init exists; rejects with the reason where it never did. To be called once, before `ended`. */
  async begun(): Promise<number> {
    const event = await this.#connection.next()
    if (event?.type === 'begun') return event.value
    this.#over = true
    const record = readOutcome(this.#folders)
    const failed = await this.failure()
    if (failed !== undefined) throw failed
    if (record === undefined) throw new WherryError('internal', 'the keeper ended before the container’s init existed')
    const how = record.signal === undefined ? `exited with ${record.exitCode}` : `was ended by signal ${record.signal}`
    throw new WherryError('internal', `the stage ${how} before the container’s init existed`)
  }

  /** What the keeper could not do: where there is an exit record, execute its child. The words for it are loaded when they are asked for. */
  async failure(): Promise<SyscallError | undefined> {
    const page = readKeeperPage(this.#folders.run)
    if (page === undefined || this.#image === undefined) return undefined
    const { failureOf } = await import('../program/failure.ts')
    return failureOf(await this.#image(), new Page(page))
  }

  /** Resolves once the exit record is there; to undefined where the keeper was killed and there is none. @param patience as Connection.next has it */
  ended(patience?: number): Promise<ExitRecord | undefined> {
    this.#ended ??= (async () => {
      while (!this.#over) {
        const event = await this.#connection.next(patience)
        this.#over = event === undefined || event.type === 'ended'
      }
      return readOutcome(this.#folders)
    })()
    return this.#ended
  }

  /** For who waits by poll(2) instead of `ended`; belongs to the keeper. */
  get fd(): number {
    return this.#connection.fd
  }

  /** Whether it has ended, looked at without waiting; after `begun`, and not while `ended` is awaited. */
  hasEnded(): boolean {
    while (!this.#over) {
      const event = this.#connection.take()
      if (event === undefined) return false
      this.#over = event === 'end' || event.type === 'ended'
    }
    return true
  }

  /** Takes the clean-up on: the keeper ends without its clean-up command. To be called after `ended`. */
  acknowledge(): void {
    this.#connection.send('acknowledge')
  }

  /** Leaves the keeper to itself: it cleans up, unless another subscribes. */
  detach(): void {
    this.#connection.close()
  }
}

/** Milliseconds between two tries to become the subscriber. */
const PAUSE = 10

/**
 * Becomes the subscriber of a keeper that another process has started, and may have left. Undefined where there is none any
 * more. Throws WherryError 'failed-precondition' while another process is its subscriber.
 * @param patience milliseconds for that one to leave: the kernel may be about to end its connections
 */
export const subscribe = async (folders: KeeperFolders, patience = 0): Promise<Keeper | undefined> => {
  for (const until = monotonic() + patience; ; await sleep(PAUSE)) {
    const found = await trySubscribe(folders)
    if (found !== 'busy') return found
    if (monotonic() >= until) throw new WherryError('failed-precondition', `the keeper of ${folders.run} has a subscriber already`)
  }
}

const trySubscribe = async (folders: KeeperFolders): Promise<Keeper | 'busy' | undefined> => {
  let socket: number
  try {
    socket = unixConnect(join(folders.run, RUN.socket), { timeout: PATIENCE })
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ECONNREFUSED')) return undefined
    throw error
  }
  const connection = new Connection(socket)
  connection.send('subscribe')
  const reply = await connection.next()
  if (reply?.type === 'reply' && reply.value === 0) return new Keeper(connection, undefined, folders)
  connection.close()
  return reply === undefined ? undefined : 'busy'
}
