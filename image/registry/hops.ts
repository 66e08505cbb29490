/** Redirects, RFC 9110, section 15.4: followed by our own rules, so that no login goes where it was not given for. */
import { exchange, type Received, type Sent, type Wire } from './exchange.ts'
import { ConnectionError } from './failure.ts'
import { clean, redact } from './words.ts'

export interface Rules {
  /** Allows to go from https to http. */
  readonly insecure: boolean
  /** The value of Authorization for the origin of this address; undefined for all but the one that it was found for. */
  readonly authorization: (url: URL) => string | undefined
  readonly signal: AbortSignal | undefined
  /** Milliseconds to the head of the answer. */
  readonly answer?: number | undefined
}

const ANY_METHOD = [307, 308]
const READING = [301, 302, 303, ...ANY_METHOD]

const isRedirect = ({ status, headers }: Received, method: string): boolean =>
  headers.has('location') && (method === 'GET' || method === 'HEAD' ? READING : ANY_METHOD).includes(status)

/** An address that a registry sent, as far as we follow it. `what` says which it is: `redirects to`. Throws ConnectionError. */
export const resolve = (location: string, base: URL, insecure: boolean, what: string): URL => {
  const fail = (problem: string): ConnectionError => new ConnectionError('', `${base.host} ${what} ${problem}`, false)
  if (!URL.canParse(location, base.href)) throw fail(`${JSON.stringify(clean(location, 100))}, which is no address`)
  const url = new URL(location, base)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') throw fail(`a ${clean(url.protocol, 20)} address: only https is followed`)
  if (url.username !== '' || url.password !== '') throw fail(`${redact(url)} with a user in it, which is not followed`)
  if (base.protocol === 'https:' && url.protocol === 'http:' && !insecure)
    throw fail(`${redact(url)}: from https to http is followed only for a registry that is stated to be insecure`)
  url.hash = ''
  return url
}

/** The first answer that is no redirect. */
export const follow = async (wire: Wire, sent: Sent, rules: Rules): Promise<Received> => {
  let { url } = sent
  for (let hops = 0; ; hops++) {
    const authorization = rules.authorization(url)
    const headers = authorization === undefined ? sent.headers : { ...sent.headers, Authorization: authorization }
    const received = await exchange(wire, { ...sent, url, headers }, rules.signal, rules.answer)
    if (!isRedirect(received, sent.method)) return received
    received.drop()
    if (hops >= wire.limits.redirects)
      throw new ConnectionError('', `${sent.url.host} redirects more than ${wire.limits.redirects} times, last to ${redact(url)}`, false)
    if (sent.secret === true) throw new ConnectionError('', `${url.host} redirects a login, which is not sent on`, false)
    url = resolve(received.headers.get('location')!, url, rules.insecure, 'redirects to')
  }
}
