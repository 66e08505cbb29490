/** Requests to one endpoint: the scheme it speaks, redirects, logins, and further tries. */
import { openAgents, type Agents } from './agents.ts'
import { Authorizer } from './authorizer.ts'
import type { Received, RequestBody, Sent, Wire } from './exchange.ts'
import { type Asked, ConnectionError, refusal, RegistryError, unreachable } from './failure.ts'
import { readAll } from './flow.ts'
import { follow } from './hops.ts'
import { type Credentials, type Endpoint, LIMITS, type Limits, type RegistryOptions } from './options.ts'
import { Patience } from './patience.ts'
import { Tokens } from './token.ts'
import { retryAfter } from './wait.ts'
import { duration } from './words.ts'

export interface Ask {
  readonly asked: Asked
  readonly method: Sent['method']
  /** Behind `/v2/`, or an address that the registry gave. */
  readonly at: string | URL
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: RequestBody
  /** Statuses that the caller understands; all others are refusals. */
  readonly expect: readonly number[]
  /** `repository:library/alpine:pull` */
  readonly scopes: readonly string[]
  readonly signal: AbortSignal | undefined
  /** Milliseconds to the head of the answer. */
  readonly answer?: number
}

export interface Fetched {
  readonly received: Received
  readonly bytes: Buffer | undefined
}

/** A failure of one try: whether another one may do better, and when the registry wants it. */
export interface Failed {
  readonly error: RegistryError
  readonly transient: boolean
  /** Of a transient one: that it may do better the second time, and not the third. */
  readonly once?: boolean
  readonly wait?: number | undefined
}

/** RFC 9110, section 15: what may be well the next time. */
const TRANSIENT = [408, 425, 429, 500, 502, 503, 504]
/** Bytes of a refusal’s body that are read. */
const LARGEST_REFUSAL = 64 * 1024
/** A 401 for a request without a login, with an old token, with too small a scope. */
const MOST_LOGINS = 4
const DOCKER_HUB = 'docker.io'

/** Where the API of a registry is: its name but for docker.io. */
export const hostOf = (registry: string): string => (registry === DOCKER_HUB ? 'registry-1.docker.io' : registry)

export class Client {
  readonly endpoint: Endpoint
  readonly limits: Limits
  readonly #wire: Wire
  readonly #agents: Agents
  readonly #authorizer: Authorizer
  #scheme: 'https' | 'http' | undefined

  /** `name` is the source’s or target’s, for messages. */
  constructor(endpoint: Endpoint, options: RegistryOptions, name: string) {
    this.endpoint = endpoint
    this.limits = { ...LIMITS, ...options.limits }
    this.#agents = openAgents(endpoint, this.limits.connect, options.env ?? process.env)
    this.#wire = {
      name,
      agent: (url) => this.#agents.for(url, url.host === this.#origin('https').host),
      userAgent: options.userAgent ?? 'wherry',
      limits: this.limits,
      onTrace: options.onTrace,
    }
    const { registry, repository } = endpoint
    const find = async (): Promise<Credentials | undefined> =>
      options.credentials?.(repository === '' ? registry : `${registry}/${repository}`)
    this.#authorizer = new Authorizer(endpoint, this.#wire, new Tokens(), find)
    this.#scheme = endpoint.insecure === true ? undefined : 'https'
  }

  get name(): string {
    return this.#wire.name
  }

  #origin(scheme: 'https' | 'http'): URL {
    return new URL(`${scheme}://${hostOf(this.endpoint.registry)}`)
  }

  /** Whether an address that the registry gave is its own. */
  owns(url: URL): boolean {
    return url.origin === this.#origin(url.protocol === 'http:' && this.endpoint.insecure === true ? 'http' : 'https').origin
  }

  /** Tries until there is an answer of those expected, or patience ends. Throws RegistryError. */
  async request(ask: Ask, patience = new Patience(this.limits, this.name, ask.signal)): Promise<Received> {
    for (;;) {
      const outcome = await this.try(ask)
      if ('status' in outcome) return outcome
      if (!outcome.transient) throw outcome.error
      await patience.failed(outcome)
    }
  }

  /**
   * As `request`, with all of the answer’s body; `bytes` is undefined where it has more than `most`. Connections that break in the middle
   * are tried again.
   */
  async fetch(ask: Ask, most: number, patience = new Patience(this.limits, this.name, ask.signal)): Promise<Fetched> {
    for (;;) {
      const received = await this.request(ask, patience)
      try {
        return { received, bytes: await readAll(received, most, this.limits, this.name, ask.signal) }
      } catch (error) {
        const failed = this.failed(ask.asked, error)
        if (!failed.transient) throw failed.error
        await patience.failed(failed)
      }
    }
  }

  /** One try. Throws what is no failure of the registry’s: a cancellation, an error of the body. */
  async try(ask: Ask): Promise<Received | Failed> {
    let received: Received
    try {
      received = await this.#authorized(ask)
    } catch (error) {
      return this.failed(ask.asked, error)
    }
    if (ask.expect.includes(received.status)) return received
    return this.#refused(ask, received)
  }

  /** A broken connection as a failed try; throws anything else. */
  failed(asked: Asked, error: unknown): Failed {
    if (error instanceof ConnectionError) return { error: unreachable(asked, error), transient: error.transient }
    throw error
  }

  async #refused({ asked, signal }: Ask, received: Received): Promise<Failed> {
    const { status, headers, url } = received
    let body = ''
    try {
      body = (await readAll(received, LARGEST_REFUSAL, this.limits, this.name, signal))?.toString() ?? ''
    } catch (error) {
      // the status is known; that its words did not come changes nothing
      if (!(error instanceof ConnectionError)) throw error
    }
    const own = this.owns(url)
    const login = own && (status === 401 || status === 403) ? await this.#authorizer.credentials() : undefined
    const error = refusal(asked, status, body, { ...(own ? {} : { by: url.host }), ...(login === undefined ? {} : { login: true }) })
    const wait = retryAfter(headers.get('retry-after'))
    if (wait !== undefined && wait > this.limits.longestRetryAfter)
      return {
        error: new RegistryError(error.kind, `${error.message} (it asks to wait ${duration(wait)})`, error.registry, {
          status,
          code: error.code,
        }),
        transient: false,
      }
    // an address that a registry redirects to is good for a while only: a new one may be had
    const again = TRANSIENT.includes(status)
    return { error, transient: again || !own, once: !again, wait }
  }

  async #authorized(ask: Ask): Promise<Received> {
    const attempt = this.#authorizer.begin(ask.scopes)
    for (let logins = 0; ; logins++) {
      const received = await this.#anyScheme(ask, async (origin) => this.#authorizer.header(attempt, origin, ask.signal))
      if (received.status !== 401 || !this.owns(received.url) || logins >= MOST_LOGINS) return received
      if (!(await this.#authorizer.learn(received, attempt))) return received
      received.drop()
    }
  }

  /** An insecure registry is tried by https, then by http, and remembered. */
  async #anyScheme(ask: Ask, header: (origin: URL) => Promise<string | undefined>): Promise<Received> {
    if (this.#scheme !== undefined) return this.#send(ask, this.#scheme, header)
    let received: Received
    try {
      received = await this.#send(ask, 'https', header)
      this.#scheme = 'https'
      return received
    } catch (secure) {
      if (!(secure instanceof ConnectionError)) throw secure
      try {
        received = await this.#send(ask, 'http', header)
      } catch (plain) {
        if (!(plain instanceof ConnectionError)) throw plain
        const both = plain.code === secure.code ? plain.message : `${secure.message}; by http: ${plain.message}`
        throw new ConnectionError(plain.code, both, plain.transient || secure.transient, { cause: plain })
      }
      this.#scheme = 'http'
      return received
    }
  }

  async #send(ask: Ask, scheme: 'https' | 'http', header: (origin: URL) => Promise<string | undefined>): Promise<Received> {
    const origin = this.#origin(scheme)
    const url = typeof ask.at === 'string' ? new URL(`/v2/${ask.at}`, origin) : ask.at
    const authorization = url.origin === origin.origin ? await header(origin) : undefined
    return follow(
      this.#wire,
      { method: ask.method, url, headers: ask.headers ?? {}, ...(ask.body === undefined ? {} : { body: ask.body }) },
      {
        insecure: this.endpoint.insecure === true,
        authorization: (to) => (to.origin === origin.origin ? authorization : undefined),
        signal: ask.signal,
        answer: ask.answer,
      },
    )
  }

  close(): void {
    this.#agents.close()
  }
}
