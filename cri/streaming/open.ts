/** The streaming server: plain HTTP whose URLs are worth one connection each, on loopback unless it is told otherwise. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { WherryError } from '../../runtime/errors.ts'
import { giveBackMemory } from '../../runtime/sys/memory.ts'
import type { CriConfig } from '../config.ts'
import type { Log } from '../cri.ts'
import { checkAttach, checkExec, checkPortForward } from './check.ts'
import { refuse } from './http.ts'
import { type Asked, route } from './route.ts'
import { Tokens } from './tokens.ts'
import type { Backend, Streaming } from './types.ts'

/** Connections at a time, streaming or not. */
const MOST_CONNECTIONS = 4000
/** Milliseconds for a client to send its request, and how often that is looked at. */
const REQUEST = 10_000
const LOOK = 5000
const MOST_HEADERS = 16 * 1024
/** Bytes streamed after which there is garbage worth collecting, and milliseconds of quiet before that. */
const MUCH = 16 * 1024 * 1024
const QUIET = 3000
/** Milliseconds that clients have to hear that the server ends. */
const FAREWELL = 1000

export interface StreamingOptions {
  readonly config: Pick<CriConfig, 'streamAddress' | 'streamPort'>
  readonly backend: Backend
  readonly log: Log
}

const urlHost = ({ address, family, port }: AddressInfo): string => (family === 'IPv6' ? `[${address}]:${port}` : `${address}:${port}`)

/** Resolves when clients can connect. Throws `already-exists` where something else has the port. */
export const openStreaming = async ({ config, backend, log }: StreamingOptions): Promise<Streaming> => {
  const tokens = new Tokens<Asked>()
  const stop = new AbortController()
  const connections = new Set<Socket>()
  const underWay = new Set<Promise<void>>()
  const server = createServer({
    maxHeaderSize: MOST_HEADERS,
    headersTimeout: REQUEST,
    requestTimeout: REQUEST,
    keepAliveTimeout: 1,
    connectionsCheckingInterval: LOOK,
  })
  server.maxConnections = MOST_CONNECTIONS
  let streamed = 0
  let timer: NodeJS.Timeout | undefined
  const tidyUp = (): void => {
    streamed = 0
    giveBackMemory()
  }
  server.on('connection', (connection: Socket) => {
    connections.add(connection)
    connection.once('close', () => {
      connections.delete(connection)
      streamed += connection.bytesRead + connection.bytesWritten
      if (streamed < MUCH) return
      clearTimeout(timer)
      timer = setTimeout(tidyUp, QUIET).unref()
    })
  })
  const serve = (request: IncomingMessage, connection: Socket, head: Buffer): void => {
    const work = route({ request, connection, head }, { tokens, backend, stop: stop.signal, log })
    underWay.add(work)
    void work.finally(() => underWay.delete(work))
  }
  server.on('upgrade', (request: IncomingMessage, connection: Socket, head: Buffer) => serve(request, connection, head))
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request
    response.detachSocket(socket)
    serve(request, socket, Buffer.alloc(0))
  })
  server.on('clientError', (error: NodeJS.ErrnoException, connection: Socket) => {
    const status = error.code === 'HPE_HEADER_OVERFLOW' ? 431 : error.code === 'ERR_HTTP_REQUEST_TIMEOUT' ? 408 : 400
    if (connection.writable) refuse(connection, { status, text: `no request that is understood: ${error.code ?? error.message}` })
    else connection.destroy()
  })
  server.listen(config.streamPort, config.streamAddress)
  try {
    await once(server, 'listening')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error
    throw new WherryError(
      'already-exists',
      `the streaming server cannot have ${config.streamAddress}:${config.streamPort}: something else listens there; choose another port, or 0 for any`,
      { cause: error },
    )
  }
  const base = `http://${urlHost(server.address() as AddressInfo)}`
  const close = async (): Promise<void> => {
    stop.abort(new WherryError('unavailable', 'the server is ending'))
    tokens.clear()
    clearTimeout(timer)
    server.close()
    const patience = Promise.withResolvers<void>()
    const farewell = setTimeout(patience.resolve, FAREWELL)
    await Promise.race([patience.promise, Promise.all(underWay).then(() => allClosed(connections))])
    clearTimeout(farewell)
    for (const connection of connections) connection.destroy()
  }
  let closed: Promise<void> | undefined
  return {
    exec: (request) => `${base}/exec/${tokens.add({ kind: 'exec', request: checkExec(request) })}`,
    attach: (request) => `${base}/attach/${tokens.add({ kind: 'attach', request: checkAttach(request) })}`,
    portForward: (request) => `${base}/portforward/${tokens.add({ kind: 'portforward', request: checkPortForward(request) })}`,
    close: () => (closed ??= close()),
  }
}

const allClosed = async (connections: ReadonlySet<Socket>): Promise<void> => {
  await Promise.all([...connections].map((connection) => (connection.closed ? undefined : once(connection, 'close').catch(() => {}))))
}
