/** Which protocol is spoken: k8s.io/streaming/pkg/httpstream. */
import type { IncomingMessage } from 'node:http'
import type { Refusal } from './http.ts'
import { requestedProtocols } from './websocket/upgrade.ts'

const ASKS = 'X-Stream-Protocol-Version'
const ACCEPTS = 'X-Accepted-Stream-Protocol-Versions'

export type Negotiated = { readonly over: 'spdy' | 'websocket'; readonly protocol: string }

export interface Spoken {
  readonly spdy: readonly string[]
  readonly webSocket: readonly string[]
}

export const isRefusal = (result: Negotiated | Refusal): result is Refusal => 'status' in result

const upgrades = ({ headers }: IncomingMessage, to: string): boolean =>
  /\bupgrade\b/i.test(headers.connection ?? '') && (headers.upgrade ?? '').toLowerCase().includes(to)

const printable = (names: readonly string[]): string =>
  names
    .map((name) => name.replace(/[^\x20-\x7e]/g, '?').slice(0, 64))
    .slice(0, 16)
    .join(', ')

/** The client’s order counts. */
export const negotiate = (request: IncomingMessage, spoken: Spoken): Negotiated | Refusal => {
  if (request.method !== 'GET' && request.method !== 'POST')
    return { status: 405, text: 'use GET or POST', headers: [['Allow', 'GET, POST']] }
  if (upgrades(request, 'websocket')) {
    const wanted = requestedProtocols(request)
    const protocol = wanted.find((name) => spoken.webSocket.includes(name))
    if (protocol !== undefined) return { over: 'websocket', protocol }
    return { status: 403, text: `unable to upgrade: of the protocols ${printable(wanted)} none is spoken: ${printable(spoken.webSocket)}` }
  }
  const header = request.headers[ASKS.toLowerCase()]
  const wanted = (typeof header === 'string' ? header : (header ?? []).join(','))
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  if (wanted.length === 0) return { status: 400, text: `unable to upgrade: the header ${ASKS} is missing, or empty` }
  const protocol = wanted.find((name) => spoken.spdy.includes(name))
  if (protocol === undefined)
    return {
      status: 403,
      text: `unable to upgrade: unable to negotiate protocol: client supports ${printable(wanted)}, server accepts ${printable(spoken.spdy)}`,
      headers: spoken.spdy.map((name) => [ACCEPTS, name]),
    }
  if (!upgrades(request, 'spdy/3.1')) return { status: 400, text: 'unable to upgrade: an upgrade to SPDY/3.1 or to a WebSocket is wanted' }
  return { over: 'spdy', protocol }
}
