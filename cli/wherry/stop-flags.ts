/** What verbs that end containers have in common. */
import { signalNumber } from '../../runtime/sys/abi/signal.ts'
import type { Flags } from '../support/flags.ts'
import { UsageError } from '../support/parse.ts'

export const STOP_FLAGS = {
  time: {
    type: 'integer',
    short: 't',
    value: 'SECONDS',
    help: 'kill it if it has not ended after so long; negative: never (default: its own, 10)',
  },
  signal: { type: 'string', short: 's', value: 'SIGNAL', help: 'what it is sent first (default: its own, SIGTERM)' },
} as const satisfies Flags

/** Throws UsageError. */
export const signalOf = (text: string): number => {
  const number = signalNumber(text)
  if (number === undefined)
    throw new UsageError(`${JSON.stringify(text)} is no signal: a name (TERM, SIGTERM, RTMIN+3) or a number is wanted`)
  return number
}
