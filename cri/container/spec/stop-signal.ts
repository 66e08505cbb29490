/** Signals by the names of the API, which are the kernel's with RTMIN and RTMAX counted out. */
import { signalNumber } from '../../../runtime/sys/abi/signal.ts'
import { Signal } from '../../api/api_pb.js'

const PREFIX = 'SIG'

/** `SIGRTMINPLUS3` → `SIGRTMIN+3`. */
const kernelName = (name: string): string => name.replace('PLUS', '+').replace('MINUS', '-')

const BY_NUMBER = new Map<number, Signal>()
const NUMBERS = new Map<Signal, number>()
for (const [name, value] of Object.entries(Signal)) {
  if (typeof value !== 'number' || !name.startsWith(PREFIX)) continue
  const number = signalNumber(kernelName(name))
  if (number === undefined) continue
  NUMBERS.set(value, number)
  // SIGCLD and SIGPOLL come behind SIGCHLD and SIGIO
  if (!BY_NUMBER.has(number)) BY_NUMBER.set(number, value)
}
/** Undefined for RUNTIME_DEFAULT. */
export const stopSignalNumber = (signal: Signal): number | undefined => NUMBERS.get(signal)

/** RUNTIME_DEFAULT for a number that the API has no name for. */
export const stopSignalOf = (number: number): Signal => BY_NUMBER.get(number) ?? Signal.RUNTIME_DEFAULT
