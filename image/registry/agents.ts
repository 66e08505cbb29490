/** Connections: kept alive, through proxies where the environment says so, trusting what the system and the settings trust. */
import { readFileSync } from 'node:fs'
import { Agent as HttpAgent, type AgentOptions } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import type { Duplex } from 'node:stream'
import { createSecureContext, rootCertificates, type SecureContext } from 'node:tls'
import { WherryError } from '../../runtime/errors.ts'
import type { Endpoint } from './options.ts'
import { duration } from './words.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Where distributions keep what the system trusts, in the order in which Go’s crypto/x509 looks. */
const SYSTEM_CERTIFICATES = [
  '/etc/ssl/certs/ca-certificates.crt',
  '/etc/pki/tls/certs/ca-bundle.crt',
  '/etc/ssl/ca-bundle.pem',
  '/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem',
  '/etc/ssl/cert.pem',
]

const read = (file: string): string | undefined => {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The system’s certificates; Node’s own where it has none. SSL_CERT_FILE (openssl(1)) names others. */
const systemCertificates = (env: Environment): readonly string[] => {
  const named = env['SSL_CERT_FILE']
  if (named !== undefined && named !== '') {
    const text = read(named)
    if (text === undefined) throw new WherryError('not-found', `$SSL_CERT_FILE: ${named} is not there`)
    return [text]
  }
  for (const file of SYSTEM_CERTIFICATES) {
    const text = read(file)
    if (text !== undefined) return [text]
  }
  return rootCertificates
}

/** Breaks off a connection that is not there in time. Proxies: the connection to the proxy. */
const limited = <T extends Duplex | null | undefined>(socket: T, ready: 'connect' | 'secureConnect', milliseconds: number): T => {
  if (socket === null || socket === undefined) return socket
  const timer = setTimeout(
    () => socket.destroy(Object.assign(new Error(`no connection within ${duration(milliseconds)}`), { code: 'ETIMEDOUT' })),
    milliseconds,
  )
  const done = (): void => clearTimeout(timer)
  socket.once(ready, done)
  socket.once('close', done)
  return socket
}

class Http extends HttpAgent {
  readonly #connect: number
  constructor(options: AgentOptions, connect: number) {
    super(options)
    this.#connect = connect
  }
  override createConnection(...args: Parameters<HttpAgent['createConnection']>): Duplex | null | undefined {
    return limited(super.createConnection(...args), 'connect', this.#connect)
  }
}

class Https extends HttpsAgent {
  readonly #connect: number
  constructor(options: ConstructorParameters<typeof HttpsAgent>[0], connect: number) {
    super(options)
    this.#connect = connect
  }
  override createConnection(...args: Parameters<HttpsAgent['createConnection']>): Duplex | null | undefined {
    const socket = super.createConnection(...args)
    // through a proxy it is the connection to the proxy that comes back
    return limited(socket, socket !== null && socket !== undefined && 'encrypted' in socket ? 'secureConnect' : 'connect', this.#connect)
  }
}

/** Says which setting is wrong, and not what is in it: it may have a password. */
const withProxies = <T>(make: () => T): T => {
  try {
    return make()
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined || !code.startsWith('ERR_PROXY_')) throw cause
    throw new WherryError('invalid-argument', '$HTTP_PROXY or $HTTPS_PROXY is no address of a proxy: http://proxy.example.com:3128')
  }
}

export interface Agents {
  /** `own`: for the endpoint’s own origin, where its client certificate may be shown. */
  for(url: URL, own: boolean): HttpAgent
  close(): void
}

/** Agents for one endpoint. `connect` in milliseconds. */
export const openAgents = (endpoint: Pick<Endpoint, 'registry' | 'insecure' | 'tls'>, connect: number, env: Environment): Agents => {
  const made = new Map<string, HttpAgent>()
  const { ca = [], cert, key } = endpoint.tls ?? {}
  const contextFor = (own: boolean): SecureContext => {
    try {
      return createSecureContext({
        ca: [...systemCertificates(env), ...ca],
        ...(own && cert !== undefined && key !== undefined ? { cert, key } : {}),
      })
    } catch (cause) {
      if (cause instanceof WherryError) throw cause
      throw new WherryError(
        'invalid-argument',
        `${endpoint.registry}: its certificates or the key cannot be used: ${(cause as Error).message}`,
        { cause },
      )
    }
  }
  const make = (https: boolean, own: boolean): HttpAgent => {
    const options = { keepAlive: true, proxyEnv: env as NodeJS.ProcessEnv, maxFreeSockets: 8 }
    if (!https) return new Http(options, connect)
    return new Https({ ...options, secureContext: contextFor(own), rejectUnauthorized: endpoint.insecure !== true }, connect)
  }
  return {
    for: (url, own) => {
      const https = url.protocol === 'https:'
      const name = `${url.protocol}${https && own}`
      const agent = made.get(name) ?? withProxies(() => make(https, own))
      made.set(name, agent)
      return agent
    },
    close: () => {
      for (const agent of made.values()) agent.destroy()
    },
  }
}
