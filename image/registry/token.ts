/** Bearer tokens: distribution's "Token Authentication" and "OAuth2 Token Authentication" specifications. */
import { createHash } from 'node:crypto'
import type { Received, Sent, Wire } from './exchange.ts'
import { answered, ConnectionError, errorOf, RegistryError, where } from './failure.ts'
import { readAll } from './flow.ts'
import { follow, resolve } from './hops.ts'
import type { Credentials, Endpoint } from './options.ts'
import { Patience } from './patience.ts'
import { retryAfter } from './wait.ts'
import { redact } from './words.ts'

/** Bytes of a token server’s answer. */
const LARGEST = 1024 * 1024
/** Milliseconds, where the server says nothing of it. */
const LIFETIME = 60_000
const SHORTEST_LIFETIME = 10_000
const LONGEST_LIFETIME = 24 * 3_600_000
/** Before its end a token is not used any more, as a part of its life and at most. */
const MARGIN = 0.1
const LARGEST_MARGIN = 30_000

export interface TokenRequest {
  readonly endpoint: Endpoint
  /** The origin that asked for the token, and will get it. */
  readonly origin: URL
  readonly realm: string
  readonly service: string | undefined
  /** `repository:library/alpine:pull` */
  readonly scopes: readonly string[]
  /** A token that the registry takes as it is is no question for a token server. */
  readonly credentials: Exclude<Credentials, { readonly registryToken: string }> | undefined
}

export interface Token {
  readonly text: string
  /** By performance.now(). */
  readonly obtained: number
  readonly until: number
}

export const basic = (username: string, password: string): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

const refused = (request: TokenRequest, problem: string): RegistryError =>
  new RegistryError('permission-denied', `${where(request.endpoint)}: ${problem}`, request.endpoint.registry)

/** The token server’s address, if what would be sent may go there. */
const realmOf = (request: TokenRequest): URL => {
  const { origin, endpoint, credentials } = request
  const insecure = endpoint.insecure === true
  let url: URL
  try {
    url = resolve(request.realm, origin, insecure, 'wants a token of')
  } catch (error) {
    throw refused(request, error instanceof Error ? error.message : String(error))
  }
  const named = redact(url)
  if (url.protocol === 'http:' && !insecure) throw refused(request, `${origin.host} wants a token of ${named}, which is not https`)
  if (url.protocol === 'http:' && credentials !== undefined && url.hostname !== origin.hostname)
    throw refused(request, `${origin.host} wants a login at ${named}: credentials are sent to another host by https only`)
  return url
}

const sentFor = (url: URL, { service, scopes, credentials }: TokenRequest): Sent => {
  if (credentials !== undefined && 'identityToken' in credentials) {
    const form = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: credentials.identityToken, client_id: 'wherry' })
    if (service !== undefined) form.set('service', service)
    if (scopes.length > 0) form.set('scope', scopes.join(' '))
    const bytes = Buffer.from(form.toString())
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes
    }
    return {
      method: 'POST',
      url,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: { length: bytes.length, open },
      secret: true,
    }
  }
  const asked = new URL(url)
  if (service !== undefined) asked.searchParams.set('service', service)
  for (const scope of scopes) asked.searchParams.append('scope', scope)
  if (credentials !== undefined) asked.searchParams.set('account', credentials.username)
  return { method: 'GET', url: asked, headers: { Accept: 'application/json' } }
}

const tokenIn = (body: string, obtained: number): Token | undefined => {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return undefined
  }
  if (typeof value !== 'object' || value === null) return undefined
  const { token, access_token, expires_in } = value as Readonly<Record<string, unknown>>
  const text = typeof token === 'string' && token !== '' ? token : access_token
  // it goes into a header
  if (typeof text !== 'string' || !/^[!-~]+$/.test(text)) return undefined
  const stated = typeof expires_in === 'number' && expires_in > 0 ? expires_in * 1000 : LIFETIME
  const lifetime = Math.min(Math.max(stated, SHORTEST_LIFETIME), LONGEST_LIFETIME)
  return { text, obtained, until: obtained + lifetime - Math.min(lifetime * MARGIN, LARGEST_MARGIN) }
}

const fetchToken = async (wire: Wire, request: TokenRequest): Promise<Token> => {
  const { credentials, endpoint } = request
  const url = realmOf(request)
  const sent = sentFor(url, request)
  const login = credentials !== undefined && 'password' in credentials ? basic(credentials.username, credentials.password) : undefined
  const rules = {
    insecure: endpoint.insecure === true,
    authorization: (to: URL) => (to.origin === url.origin ? login : undefined),
    signal: undefined,
  }
  const patience = new Patience(wire.limits, wire.name, undefined)
  for (;;) {
    const begun = performance.now()
    let received: Received
    let body: Buffer | undefined
    try {
      received = await follow(wire, sent, rules)
      body = await readAll(received, LARGEST, wire.limits, wire.name, undefined)
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      const words = `${where(endpoint)}: no token of ${redact(url)}: ${error.message}`
      const failure = new RegistryError('unavailable', words, endpoint.registry, { cause: error })
      if (!error.transient) throw failure
      await patience.failed({ error: failure })
      continue
    }
    const { status } = received
    if (status === 200) {
      const token = tokenIn((body ?? Buffer.alloc(0)).toString(), begun)
      if (token !== undefined) return token
      throw new RegistryError(
        'unavailable',
        `${where(endpoint)}: ${redact(url)} answered without a token that can be used`,
        endpoint.registry,
        { status },
      )
    }
    const failure = tokenRefusal(request, url, status, (body ?? Buffer.alloc(0)).toString())
    if (status !== 429 && status < 500) throw failure
    const wait = retryAfter(received.headers.get('retry-after'))
    if (wait !== undefined && wait > wire.limits.longestRetryAfter) throw failure
    await patience.failed({ error: failure, wait })
  }
}

const tokenRefusal = ({ endpoint, credentials }: TokenRequest, url: URL, status: number, body: string): RegistryError => {
  const told = errorOf(body)
  const begin = `${where(endpoint)}: the token server ${redact(url)} answered ${answered(status, told)}`
  const login = `"wherry login ${endpoint.registry}"`
  // RFC 6749, 5.2: 400 invalid_grant is what a refresh token that is used up gets
  const denied = status === 401 || status === 403 || (status === 400 && credentials !== undefined)
  const [kind, hint] = denied
    ? ([
        'permission-denied',
        credentials === undefined ? `log in with ${login}` : `the login is refused: log in again with ${login}`,
      ] as const)
    : status === 429
      ? (['resource-exhausted', 'it wants fewer requests: log in, or try again later'] as const)
      : status >= 500
        ? (['unavailable', 'try again later'] as const)
        : (['unavailable', 'check the registry’s settings'] as const)
  return new RegistryError(kind, `${begin}: ${hint}`, endpoint.registry, { status, code: told.code })
}

const hash = (credentials: Credentials | undefined): string =>
  createHash('sha256')
    .update(JSON.stringify(credentials ?? null))
    .digest('hex')

/** Tokens by whom they are of and what they are for; requests at the same time share one question. */
export class Tokens {
  readonly #known = new Map<string, Token>()
  readonly #pending = new Map<string, Promise<Token>>()

  /** A token that is good for a while; never the `refusedText`, which the registry did not take. */
  async get(wire: Wire, request: TokenRequest, refusedText?: string): Promise<Token> {
    const { origin, realm, service, scopes, credentials } = request
    const key = JSON.stringify([origin.origin, realm, service, [...scopes].sort(), hash(credentials)])
    const known = this.#known.get(key)
    if (known !== undefined && known.text !== refusedText && performance.now() < known.until) return known
    const pending = this.#pending.get(key) ?? this.#ask(key, wire, request)
    return pending
  }

  #ask(key: string, wire: Wire, request: TokenRequest): Promise<Token> {
    const asked = fetchToken(wire, request)
      .then((token) => {
        this.#known.set(key, token)
        return token
      })
      .finally(() => this.#pending.delete(key))
    this.#pending.set(key, asked)
    return asked
  }
}
