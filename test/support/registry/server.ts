/**
 * A registry in this process, on a free port of the loopback, that holds what a test gives it, takes what is pushed, records the
 * requests, and misbehaves where it is told to (misbehave.ts). With `login`, it asks for one (login.ts).
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createServer as createTlsServer, type ServerOptions } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type Answer, type Exchange, failure, send } from './answer.ts'
import { Contents } from './contents.ts'
import { Distribution } from './distribution.ts'

export interface RecordedRequest {
  readonly method: string
  /** Path and query, as sent. */
  readonly url: string
  readonly headers: IncomingMessage['headers']
  /** Undefined while it is being answered. */
  status: number | undefined
}

/** Answers in place of the registry, which `normal` asks. */
export type Misbehaviour = (exchange: Exchange, normal: () => Promise<Answer>) => Promise<Answer> | Answer

export interface When {
  readonly method?: string
  /** A part of the path, or a pattern of path and query. */
  readonly path: string | RegExp
  /** How many requests it is for; default all. */
  readonly times?: number
  /** How many requests are answered well before it. */
  readonly after?: number
}

export interface RegistryServerOptions {
  /** Serves https with this key and certificate. */
  readonly tls?: Pick<ServerOptions, 'key' | 'cert' | 'ca' | 'requestCert' | 'rejectUnauthorized'>
  /** Asked first; an answer of its is final. */
  readonly login?: (exchange: Exchange, origin: string) => Promise<Answer | undefined>
  readonly contents?: Contents
  readonly host?: '127.0.0.1' | '::1'
}

export interface TestRegistry {
  /** `127.0.0.1:34567` */
  readonly host: string
  /** `http://127.0.0.1:34567` */
  readonly url: string
  readonly contents: Contents
  readonly requests: readonly RecordedRequest[]
  /** Connections that have been made to it. */
  readonly connections: number
  /** Uploads begun and neither completed nor cancelled. */
  readonly uploads: number
  /** `GET /v2/a/manifests/b 200`, of those requests whose line the pattern finds. */
  log(pattern?: RegExp): string[]
  /** The latest told comes first. */
  on(when: When | string | RegExp, misbehaviour: Misbehaviour): void
  /** It behaves again; the records are emptied. */
  behave(): void
  close(): Promise<void>
}

interface Hook extends When {
  seen: number
  readonly misbehaviour: Misbehaviour
}

const bodyOf = async (request: IncomingMessage): Promise<Buffer> => {
  const chunks: Buffer[] = []
  for await (const chunk of request) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

const fits = (hook: Hook, exchange: Exchange, url: string): boolean => {
  if (hook.method !== undefined && hook.method !== exchange.method) return false
  if (typeof hook.path === 'string' ? !exchange.path.includes(hook.path) : !hook.path.test(url)) return false
  const turn = hook.seen++ - (hook.after ?? 0)
  return turn >= 0 && turn < (hook.times ?? Number.POSITIVE_INFINITY)
}

export const startRegistry = async (options: RegistryServerOptions = {}): Promise<TestRegistry> => {
  const { host = '127.0.0.1', contents = new Contents() } = options
  const distribution = new Distribution(contents)
  const requests: RecordedRequest[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let hooks: Hook[] = []
  let origin = ''

  const answer = async (exchange: Exchange, url: string): Promise<Answer> => {
    const normal = async (): Promise<Answer> => (await options.login?.(exchange, origin)) ?? (await distribution.answer(exchange))
    const hook = hooks.find((each) => fits(each, exchange, url))
    return hook === undefined ? normal() : hook.misbehaviour(exchange, normal)
  }

  const handle = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = request.url ?? ''
    const method = request.method ?? ''
    const parsed = new URL(url, 'http://registry.invalid')
    const record: RecordedRequest = { method, url, headers: request.headers, status: undefined }
    requests.push(record)
    const exchange: Exchange = {
      method,
      path: decodeURIComponent(parsed.pathname),
      query: parsed.searchParams,
      request,
      body: () => bodyOf(request),
      pieces: () => request,
    }
    const answered = await answer(exchange, url)
    record.status = answered.status
    // a body that nobody read would keep the connection from its next request
    request.resume()
    await send(response, answered, method === 'HEAD')
  }

  const listener = (request: IncomingMessage, response: ServerResponse): void => {
    handle(request, response).catch((error: unknown) => {
      // the client’s going away is part of the tests
      if (request.destroyed || response.destroyed) return
      const { status, body } = failure(500, 'UNKNOWN', `test registry: ${String(error)}`)
      if (!response.headersSent) response.writeHead(status)
      response.end(body)
    })
  }
  const server = options.tls === undefined ? createServer(listener) : createTlsServer(options.tls, listener)
  server.keepAliveTimeout = 60_000
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => {})
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  const at = `${host === '::1' ? '[::1]' : host}:${port}`
  origin = `${options.tls === undefined ? 'http' : 'https'}://${at}`
  return {
    host: at,
    url: origin,
    contents,
    requests,
    get connections() {
      return connections
    },
    get uploads() {
      return distribution.uploads
    },
    log: (pattern = /./) => requests.map(({ method, url, status }) => `${method} ${url} ${status}`).filter((line) => pattern.test(line)),
    on: (when, misbehaviour) => {
      const given: When = typeof when === 'string' || when instanceof RegExp ? { path: when } : when
      hooks.unshift({ ...given, seen: 0, misbehaviour })
    },
    behave: () => {
      hooks = []
      requests.length = 0
    },
    close: async () => {
      for (const socket of sockets) socket.destroy()
      await new Promise<void>((resolve) => server.close(() => resolve()))
    },
  }
}
