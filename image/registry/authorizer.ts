/** Logging in to one endpoint: what goes into Authorization, and what its 401 is answered with. */
import { type Challenge, parseChallenges } from './challenge.ts'
import type { Received, Wire } from './exchange.ts'
import type { Credentials, Endpoint } from './options.ts'
import { basic, type Token, type Tokens } from './token.ts'
import { checkSignal } from './wait.ts'

/** Of one request: what was tried for it. */
export interface Attempt {
  /** By performance.now(). */
  readonly begun: number
  scopes: readonly string[]
  used: string | undefined
  token: Token | undefined
}

type Scheme = { readonly scheme: 'basic' } | { readonly scheme: 'bearer'; readonly realm: string; readonly service: string | undefined }

/** What of a challenge’s scopes we ask for; a registry has a handful. */
const MOST_SCOPES = 20

/** `repository:library/alpine:pull,push` in its parts; names may have colons (a port), actions have none. */
const split = (scope: string): readonly [string, readonly string[]] => {
  const colon = scope.lastIndexOf(':')
  return colon < 0 ? [scope, []] : [scope.slice(0, colon), scope.slice(colon + 1).split(',')]
}

/** All that is in one of them, a resource once. The same list, if the challenge asks for no more than is known. */
const union = (known: readonly string[], challenged: string | undefined): readonly string[] => {
  const actions = new Map(known.map(split))
  let more = false
  for (const [resource, wanted] of (challenged ?? '')
    .split(' ')
    .filter((scope) => scope !== '')
    .map(split)) {
    const had = actions.get(resource)
    if (had !== undefined && wanted.every((action) => had.includes(action))) continue
    more = true
    actions.set(resource, [...new Set([...(had ?? []), ...wanted])])
  }
  if (!more) return known
  const all = [...actions].slice(0, MOST_SCOPES).map(([resource, list]) => (list.length === 0 ? resource : `${resource}:${list.join(',')}`))
  return all.join(' ') === known.join(' ') ? known : all
}

/** The better of what is offered and known. */
const choose = (challenges: readonly Challenge[]): { scheme: Scheme; scope?: string | undefined } | undefined => {
  for (const { scheme, parameters } of challenges)
    if (scheme === 'bearer' && parameters['realm'] !== undefined)
      return { scheme: { scheme: 'bearer', realm: parameters['realm'], service: parameters['service'] }, scope: parameters['scope'] }
  return challenges.some(({ scheme }) => scheme === 'basic') ? { scheme: { scheme: 'basic' } } : undefined
}

export class Authorizer {
  readonly #endpoint: Endpoint
  readonly #wire: Wire
  readonly #tokens: Tokens
  readonly #find: () => Promise<Credentials | undefined>
  #found: Promise<Credentials | undefined> | undefined
  #scheme: Scheme | undefined

  constructor(endpoint: Endpoint, wire: Wire, tokens: Tokens, find: () => Promise<Credentials | undefined>) {
    this.#endpoint = endpoint
    this.#wire = wire
    this.#tokens = tokens
    this.#find = find
  }

  /** Asked for once, when they are wanted. */
  credentials(): Promise<Credentials | undefined> {
    this.#found ??= this.#find()
    return this.#found
  }

  begin(scopes: readonly string[]): Attempt {
    return { begun: performance.now(), scopes, used: undefined, token: undefined }
  }

  /** The value of Authorization for the origin, as far as is known; kept in `attempt.used`. */
  async header(attempt: Attempt, origin: URL, signal: AbortSignal | undefined): Promise<string | undefined> {
    const scheme = this.#scheme
    if (scheme === undefined) return undefined
    const credentials = await this.credentials()
    if (scheme.scheme === 'basic') {
      if (credentials === undefined || !('password' in credentials)) return undefined
      attempt.used = basic(credentials.username, credentials.password)
      return attempt.used
    }
    if (credentials !== undefined && 'registryToken' in credentials) {
      attempt.used = `Bearer ${credentials.registryToken}`
      return attempt.used
    }
    const { realm, service } = scheme
    const request = { endpoint: this.#endpoint, origin, realm, service, scopes: attempt.scopes, credentials }
    attempt.token = await this.#waitFor(this.#tokens.get(this.#wire, request, attempt.token?.text), signal)
    attempt.used = `Bearer ${attempt.token.text}`
    return attempt.used
  }

  /** What a 401 of the origin itself asks for is learned; true if it is worth to try again. */
  async learn({ headers }: Received, attempt: Attempt): Promise<boolean> {
    const chosen = choose(parseChallenges(headers.get('www-authenticate')))
    if (chosen === undefined) return false
    this.#scheme = chosen.scheme
    if (chosen.scheme.scheme === 'basic') {
      const credentials = await this.credentials()
      return credentials !== undefined && 'password' in credentials && attempt.used?.startsWith('Basic ') !== true
    }
    const credentials = await this.credentials()
    // there is no other one to be had
    if (credentials !== undefined && 'registryToken' in credentials) return attempt.used === undefined
    const scopes = union(attempt.scopes, chosen.scope)
    const more = scopes !== attempt.scopes
    attempt.scopes = scopes
    // a token of before may have run out or been withdrawn; one got for this very request will not get better
    return more || attempt.token === undefined || attempt.token.obtained < attempt.begun
  }

  /** The question for a token is shared: who cancels leaves it to the others. */
  async #waitFor<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    if (signal === undefined) return promise
    checkSignal(signal, this.#wire.name)
    const { promise: cancelled, reject } = Promise.withResolvers<never>()
    const cancel = (): void => {
      try {
        checkSignal(signal, this.#wire.name)
      } catch (error) {
        reject(error)
      }
    }
    signal.addEventListener('abort', cancel, { once: true })
    promise.catch(() => {})
    try {
      return await Promise.race([promise, cancelled])
    } finally {
      signal.removeEventListener('abort', cancel)
    }
  }
}
