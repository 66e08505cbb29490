/** The hold of the process that has started a keeper on it. */
import { WherryError } from '../errors.ts'
import { failureOf } from '../program/failure.ts'
import type { Image } from '../program/link.ts'
import { Page } from '../program/page.ts'
import type { SyscallError } from '../sys/error.ts'
import type { Connection } from './connection.ts'
import type { ExitRecord } from './exit.ts'
import { readKeeperPage } from './page.ts'
import { type KeeperFolders, readOutcome } from './wait.ts'

/** A keeper that this process has started and that it is the subscriber of. */
export class Keeper {
  readonly #connection: Connection
  readonly #image: Image
  readonly #folders: KeeperFolders
  #over = false
  #ended: Promise<ExitRecord | undefined> | undefined

  constructor(connection: Connection, image: Image, folders: KeeperFolders) {
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
    const failed = this.failure()
    if (failed !== undefined) throw failed
    if (record === undefined) throw new WherryError('internal', 'the keeper ended before the container’s init existed')
    const how = record.signal === undefined ? `exited with ${record.exitCode}` : `was ended by signal ${record.signal}`
    throw new WherryError('internal', `the stage ${how} before the container’s init existed`)
  }

  /** What the keeper could not do: where there is an exit record, execute its child. */
  failure(): SyscallError | undefined {
    const page = readKeeperPage(this.#folders.run)
    return page === undefined ? undefined : failureOf(this.#image, new Page(page))
  }

  /** Resolves once the exit record is there; to undefined where the keeper was killed and there is none. */
  ended(): Promise<ExitRecord | undefined> {
    this.#ended ??= (async () => {
      while (!this.#over) {
        const event = await this.#connection.next()
        this.#over = event === undefined || event.type === 'ended'
      }
      return readOutcome(this.#folders)
    })()
    return this.#ended
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
