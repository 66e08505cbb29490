/** What verbs that end containers have in common. */
import { signalNumber } from '../../runtime/sys/abi/signal.ts'
import type { StopOptions } from '../containers/stop.ts'
import type { Flags, Values } from '../support/flags.ts'
import { UsageError } from '../support/parse.ts'

export const STOP_FLAGS = {
  timeout: {
    type: 'integer',
    short: 't',
    value: 'SECONDS',
    help: 'kill it if it has not ended after so long; negative: never (default: its own, 10)',
  },
  time: { type: 'integer', value: 'SECONDS', help: 'the same as --timeout' },
  signal: { type: 'string', short: 's', value: 'SIGNAL', help: 'what it is sent first (default: its own, SIGTERM)' },
} as const satisfies Flags

/** Throws UsageError. */
export const stopOptions = ({ timeout, time = timeout, signal }: Values<typeof STOP_FLAGS>): StopOptions => ({
  ...(time === undefined ? {} : { timeout: time }),
  ...(signal === undefined ? {} : { signal: signalOf(signal) }),
})

/** Throws UsageError. */
export const signalOf = (text: string): number => {
  const number = signalNumber(text)
  if (number === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no signal: a name (TERM, SIGTERM, RTMIN+3) or a number is wanted`)
  return number
}
