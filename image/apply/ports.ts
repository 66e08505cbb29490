/** `ExposedPorts` of an image’s config, and `--expose`: `8080`, `80/tcp`, `8000-8010/udp`. */
import { WherryError } from '../../runtime/errors.ts'
import { quoted } from '../spec/printable.ts'

export type Protocol = 'tcp' | 'udp' | 'sctp'

/** One port, or several in a row. */
export interface ExposedPort {
  readonly first: number
  /** At least `first`. */
  readonly last: number
  readonly protocol: Protocol
}

const PROTOCOLS: readonly Protocol[] = ['tcp', 'udp', 'sctp']
const MOST = 65535

/** Throws `invalid-argument`. */
export const parsePort = (text: string): ExposedPort => {
  const fail = (problem: string): WherryError =>
    new WherryError('invalid-argument', `port ${quoted(text)}: ${problem}; wanted is port[-port][/tcp|udp|sctp]`)
  const [, from = '', to = from, named = 'tcp'] = /^([0-9]{1,5})(?:-([0-9]{1,5}))?(?:\/([A-Za-z]+))?$/.exec(text) ?? []
  if (from === '') throw fail('is none')
  const protocol = PROTOCOLS.find((one) => one === named.toLowerCase())
  if (protocol === undefined) throw fail('has an unknown protocol')
  const first = Number(from)
  const last = Number(to)
  if (first < 1 || last > MOST) throw fail(`is not from 1 to ${MOST}`)
  if (first > last) throw fail('ends before it begins')
  return { first, last, protocol }
}

/** `80/tcp`, `8000-8010/udp` */
export const formatPort = ({ first, last, protocol }: ExposedPort): string => `${first}${last === first ? '' : `-${last}`}/${protocol}`
