/** From a request of HTTP to what its token was given out for. */
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'
import type { PortForwardRequest } from '../api/api_pb.js'
import type { Log } from '../cri.ts'
import { refuse, switchProtocols } from './http.ts'
import { isRefusal, negotiate, type Negotiated, type Spoken } from './negotiate.ts'
import { forwardOverSpdy, PORT_FORWARD_PROTOCOL } from './port-forward/spdy.ts'
import { forwardOverWebSocket, PORT_FORWARD_WEBSOCKET } from './port-forward/websocket.ts'
import { type RemoteRequest, serveRemoteCommand, wantedOf } from './remote-command/serve.ts'
import type { Session } from './remote-command/session.ts'
import { openSpdySession, SPDY_PROTOCOLS, type SpdyProtocol } from './remote-command/spdy.ts'
import { openWebSocketSession, WEBSOCKET_PROTOCOLS } from './remote-command/websocket.ts'
import { TOKEN, type Tokens } from './tokens.ts'
import { socketTransport } from './transport.ts'
import type { Backend } from './types.ts'
import { tunnelTransport } from './websocket/tunnel.ts'
import { upgradeToWebSocket } from './websocket/upgrade.ts'

export type Asked = RemoteRequest | { readonly kind: 'portforward'; readonly request: PortForwardRequest }

/** How SPDY goes through a WebSocket. */
const TUNNEL = `SPDY/3.1+${PORT_FORWARD_PROTOCOL}`

const REMOTE_COMMAND: Spoken = { spdy: SPDY_PROTOCOLS, webSocket: Object.keys(WEBSOCKET_PROTOCOLS) }
const PORT_FORWARD: Spoken = { spdy: [PORT_FORWARD_PROTOCOL], webSocket: [TUNNEL, ...Object.keys(PORT_FORWARD_WEBSOCKET)] }

export interface Arrived {
  readonly request: IncomingMessage
  readonly connection: Socket
  /** What came behind the request. */
  readonly head: Buffer
}

export interface Context {
  readonly tokens: Tokens<Asked>
  readonly backend: Backend
  readonly stop: AbortSignal
  readonly log: Log
}

const remoteCommand = async (asked: RemoteRequest, how: Negotiated, arrived: Arrived, context: Context): Promise<void> => {
  const { request, connection, head } = arrived
  const wanted = wantedOf(asked.request)
  const report = (error: unknown): void => context.log.debug(`a client of ${asked.kind} was cut off`, { error: String(error) })
  let session: Session
  if (how.over === 'spdy') {
    switchProtocols(connection, how.protocol)
    session = await openSpdySession(socketTransport(connection, head), how.protocol as SpdyProtocol, wanted, report)
  } else {
    const webSocket = await upgradeToWebSocket(request, connection, head, how.protocol)
    if (webSocket === undefined) return
    session = openWebSocketSession(webSocket, connection, WEBSOCKET_PROTOCOLS[how.protocol]!, wanted)
  }
  await serveRemoteCommand(asked, session, context.backend, context.stop)
}

const portForward = async (asked: PortForwardRequest, how: Negotiated, arrived: Arrived, context: Context): Promise<void> => {
  const { request, connection, head } = arrived
  const options = { sandbox: asked.podSandboxId, backend: context.backend, stop: context.stop }
  if (how.over === 'spdy') {
    switchProtocols(connection, how.protocol)
    return forwardOverSpdy(socketTransport(connection, head), options)
  }
  const webSocket = await upgradeToWebSocket(request, connection, head, how.protocol)
  if (webSocket === undefined) return
  if (how.protocol === TUNNEL) return forwardOverSpdy(tunnelTransport(webSocket, connection), options)
  return forwardOverWebSocket(webSocket, connection, PORT_FORWARD_WEBSOCKET[how.protocol]!, asked.port, options)
}

/** Resolves when the client is done with. Does not throw: what goes wrong has been told to the client, or to the log. */
export const route = async (arrived: Arrived, context: Context): Promise<void> => {
  const { request, connection } = arrived
  connection.on('error', () => {})
  const match = /^\/(exec|attach|portforward)\/([^/?#]+)(?:\?.*)?$/.exec(request.url ?? '')
  const asked = match !== null && TOKEN.test(match[2]!) ? context.tokens.take(match[2]!) : undefined
  if (asked === undefined || asked.kind !== match![1])
    return refuse(connection, { status: 404, text: 'there is no such stream: an address can be used once, for a minute' })
  const how = negotiate(request, asked.kind === 'portforward' ? PORT_FORWARD : REMOTE_COMMAND)
  if (isRefusal(how)) return refuse(connection, how)
  try {
    if (asked.kind === 'portforward') await portForward(asked.request, how, arrived, context)
    else await remoteCommand(asked, how, arrived, context)
  } catch (error) {
    context.log.warn(`${asked.kind} has ended: ${error instanceof Error ? error.message : String(error)}`)
    connection.destroy()
  }
}
