/** Logins of the registry in this process: basic, and bearer tokens with their server. */
import { randomBytes } from 'node:crypto'
import { type Answer, type Exchange, failure } from './answer.ts'
import { type Misbehaviour, startRegistry, type RegistryServerOptions, type TestRegistry } from './server.ts'

export interface User {
  readonly username: string
  readonly password: string
}

export type Login = NonNullable<RegistryServerOptions['login']>

const never = (): Promise<never> => Promise.reject(new Error('there is nothing behind the token server'))

const encode = ({ username, password }: User): string => `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`

/** RFC 7617. */
export const basicLogin =
  (user: User): Login =>
  async ({ request }) =>
    request.headers.authorization === encode(user)
      ? undefined
      : failure(401, 'UNAUTHORIZED', 'authentication required', { 'WWW-Authenticate': 'Basic realm="test", charset="UTF-8"' })

export interface TokenServerOptions {
  readonly user: User
  /** Refresh token that is as good as the user’s password. */
  readonly identityToken?: string
  /** Whoever has no login may pull these. */
  readonly public?: readonly string[]
  /** Seconds; default 300. */
  readonly lifetime?: number
  readonly tls?: RegistryServerOptions['tls']
}

export interface TokenServer {
  readonly server: TestRegistry
  /** For a registry that takes this server’s tokens. */
  readonly login: Login
  /** Tokens handed out so far. */
  readonly issued: number
  /** Those handed out are good no longer. */
  withdraw(): void
  on(misbehaviour: Misbehaviour, times?: number): void
  /** It behaves again; the records are emptied. */
  behave(): void
  close(): Promise<void>
}

/** What a request to a registry takes: distribution’s token scopes. */
const scopeOf = ({ method, path }: Exchange): { repository: string; action: string } | undefined => {
  const [, repository] = /^\/v2\/(.+)\/(?:manifests|blobs|tags)\//.exec(path) ?? []
  if (repository === undefined) return undefined
  return { repository, action: method === 'GET' || method === 'HEAD' ? 'pull' : 'push' }
}

/** A token server of its own port, for https or http, and the login of a registry that trusts it. */
export const startTokenServer = async (options: TokenServerOptions): Promise<TokenServer> => {
  const { user, lifetime = 300 } = options
  const service = 'test registry, with a comma'
  /** Token to scopes: `repository:a/b:pull,push`. */
  const tokens = new Map<string, readonly string[]>()
  let issued = 0

  const grant = (scopes: readonly string[], known: boolean): Answer => {
    const granted = scopes.flatMap((scope) => {
      const [, repository, actions] = /^repository:(.+):([a-z,]+)$/.exec(scope) ?? []
      if (repository === undefined || actions === undefined) return []
      if (known) return [scope]
      return options.public?.includes(repository) === true ? [`repository:${repository}:pull`] : []
    })
    const token = randomBytes(40).toString('base64url')
    tokens.set(token, known ? ['login', ...granted] : granted)
    issued++
    const body = Buffer.from(JSON.stringify({ token, expires_in: lifetime, issued_at: new Date().toISOString() }))
    return { status: 200, headers: { 'Content-Type': 'application/json' }, body }
  }

  const server = await startRegistry(options.tls === undefined ? {} : { tls: options.tls })
  const answer: Misbehaviour = async (exchange) => {
    if (exchange.method === 'POST') {
      const form = new URLSearchParams((await exchange.body()).toString())
      if (
        form.get('grant_type') !== 'refresh_token' ||
        form.get('refresh_token') !== options.identityToken ||
        options.identityToken === undefined
      )
        return {
          status: 400,
          body: Buffer.from(JSON.stringify({ error: 'invalid_grant', error_description: 'the refresh token is used up' })),
        }
      return grant((form.get('scope') ?? '').split(' '), true)
    }
    const { authorization } = exchange.request.headers
    if (authorization !== undefined && authorization !== encode(user)) return failure(401, 'UNAUTHORIZED', 'incorrect username or password')
    return grant(exchange.query.getAll('scope'), authorization !== undefined)
  }
  server.on('/token', answer)

  const login: Login = async (exchange) => {
    const wanted = scopeOf(exchange)
    const held = tokens.get(/^Bearer (.+)$/.exec(exchange.request.headers.authorization ?? '')?.[1] ?? '')
    const fits = held?.some((scope) => {
      const [, repository, actions = ''] = /^repository:(.+):([a-z,]+)$/.exec(scope) ?? []
      return wanted === undefined ? scope === 'login' : repository === wanted.repository && actions.split(',').includes(wanted.action)
    })
    if (fits === true) return undefined
    const scope = wanted === undefined ? '' : `,scope="repository:${wanted.repository}:${wanted.action === 'push' ? 'pull,push' : 'pull'}"`
    const more = held === undefined ? '' : ',error="insufficient_scope"'
    const challenge = `Bearer realm="${server.url}/token",service="${service}"${scope}${more}`
    return failure(401, 'UNAUTHORIZED', 'authentication required', { 'WWW-Authenticate': challenge })
  }
  return {
    server,
    login,
    get issued() {
      return issued
    },
    withdraw: () => tokens.clear(),
    // what is normal there is not the registry’s
    on: (misbehaviour, times) =>
      server.on({ path: '/token', ...(times === undefined ? {} : { times }) }, (exchange) =>
        misbehaviour(exchange, async () => answer(exchange, never)),
      ),
    behave: () => {
      server.behave()
      server.on('/token', answer)
    },
    close: () => server.close(),
  }
}
