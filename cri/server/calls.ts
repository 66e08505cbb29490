/** Calls that are under way: for their signals, and for the end of the server, which waits for them. */
import { WherryError } from '../../runtime/errors.ts'
import type { Call } from '../cri.ts'
import { Turns } from './turns.ts'

export interface RunningCall extends Call {
  /** Why, if it was. */
  readonly aborted: Error | undefined
  abort(reason: Error): void
  end(): void
}

export interface Calls {
  /** For those that keep the process busy. */
  readonly turns: Turns
  begin(endless: boolean): RunningCall
  /**
   * Ends calls that have no end of their own, waits for the others, and aborts those that take longer than `patience` milliseconds.
   * Resolves when no call is left.
   */
  finish(patience: number): Promise<void>
}

interface Entry {
  readonly endless: boolean
  abort(reason: Error): void
}

const ENDING = (): WherryError => new WherryError('unavailable', 'the server is ending: ask the next one')

export const openCalls = (): Calls => {
  const running = new Set<Entry>()
  let ending = false
  let idle: (() => void) | undefined
  return {
    turns: new Turns(),
    begin(endless) {
      // most calls never look at their signal
      let controller: AbortController | undefined
      let aborted: Error | undefined
      const call: RunningCall & Entry = {
        endless,
        get signal() {
          if (controller === undefined) {
            controller = new AbortController()
            if (aborted !== undefined) controller.abort(aborted)
          }
          return controller.signal
        },
        get aborted() {
          return aborted
        },
        abort(reason) {
          aborted ??= reason
          controller?.abort(aborted)
        },
        end() {
          running.delete(call)
          if (running.size === 0) idle?.()
        },
      }
      running.add(call)
      if (ending) call.abort(ENDING())
      return call
    },
    async finish(patience) {
      ending = true
      for (const call of [...running]) if (call.endless) call.abort(ENDING())
      if (running.size === 0) return
      const timer = setTimeout(() => {
        for (const call of [...running]) call.abort(ENDING())
      }, patience)
      await new Promise<void>((resolve) => {
        idle = resolve
      })
      clearTimeout(timer)
    },
  }
}
