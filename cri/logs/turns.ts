/** Who may work when: all logs together use little memory, and none keeps the others, or the server's calls, waiting for long. */
import { Workspace } from './derive.ts'

/** While one waits for the disk another goes on. */
const WORKSPACES = 2

export interface Worker {
  /** A short piece of work. */
  turn(workspace: Workspace): Promise<void>
}

export class Turns {
  readonly #queue: Worker[] = []
  readonly #free: Workspace[] = []
  #made = 0

  /** Whoever wants to go on asks again. */
  ask(worker: Worker): void {
    this.#queue.push(worker)
    this.#next()
  }

  #next(): void {
    if (this.#queue.length === 0) return
    const workspace = this.#free.pop() ?? this.#make()
    if (workspace === undefined) return
    const worker = this.#queue.shift()!
    // what waits in the event loop comes first
    setImmediate(() => {
      worker.turn(workspace).finally(() => {
        this.#free.push(workspace)
        this.#next()
      })
    })
  }

  #make(): Workspace | undefined {
    if (this.#made === WORKSPACES) return undefined
    this.#made += 1
    return new Workspace()
  }
}
