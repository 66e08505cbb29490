/** Signals that ask us to end, for verbs that have something to put in order first. */
import { SIGNALS as NUMBERS } from '../../runtime/sys/abi/signal.ts'

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

export interface Interrupt {
  /** Made, and the signals caught, when it is first asked for. */
  readonly signal: AbortSignal
  /** 128 + the signal that came; undefined where none did. */
  readonly status: number | undefined
}

export const openInterrupt = (): Interrupt => {
  let controller: AbortController | undefined
  let status: number | undefined
  return {
    get signal() {
      if (controller === undefined) {
        const made = new AbortController()
        controller = made
        for (const name of SIGNALS)
          process.on(name, () => {
            const again = status !== undefined
            status ??= 128 + NUMBERS[name]
            // somebody who asks twice does not want to wait for the tidying up
            if (again) process.exit(status)
            made.abort(new Error(`interrupted by ${name}`))
          })
      }
      return controller.signal
    },
    get status() {
      return status
    },
  }
}
