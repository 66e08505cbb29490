/**
 * Forwarded connections over SPDY, any number of any ports: k8s.io/cri-streaming/pkg/streaming/portforward. Each is a pair of streams, one for
 * its data and one for what goes wrong, that have a request id in common.
 */
import type { Duplex } from 'node:stream'
import { SpdyConnection, type SpdyStream } from '../spdy/connection.ts'
import type { Transport } from '../transport.ts'
import type { Backend } from '../types.ts'
import { pumpConnection } from './pump.ts'
import { parsePort, problemOf } from './words.ts'

export const PORT_FORWARD_PROTOCOL = 'portforward.k8s.io'

/** Milliseconds for the second stream of a pair to come. */
const CREATION = 30_000

interface Pair {
  error?: SpdyStream
  data?: SpdyStream
  readonly timer: NodeJS.Timeout
}

export interface PortForwardOptions {
  readonly sandbox: string
  readonly backend: Backend
  /** Aborted with the reason when the server ends. */
  readonly stop: AbortSignal
}

/** Old clients give no id, but open the error stream first, and the data stream right behind it. */
const requestOf = ({ id, headers }: SpdyStream, type: string): string => headers.get('requestid') || `#${type === 'error' ? id : id - 2}`

/** Resolves when the client has left. Throws `invalid-argument` for what is no SPDY. */
export const forwardOverSpdy = async (transport: Transport, { sandbox, backend, stop }: PortForwardOptions): Promise<void> => {
  const pairs = new Map<string, Pair>()
  const pairUp = async (request: string, stream: SpdyStream, type: 'error' | 'data', port: number): Promise<void> => {
    const pair = pairs.get(request) ?? { timer: setTimeout(() => expire(request), CREATION) }
    pairs.set(request, pair)
    pair[type] = stream
    const { error, data } = pair
    if (error === undefined || data === undefined) return
    clearTimeout(pair.timer)
    pairs.delete(request)
    // clients wait for the end of both before they let go of their side
    const endBoth = (): void => {
      data.end()
      error.end()
    }
    let server: Duplex
    try {
      server = await backend.connect(sandbox, port, connection.gone)
    } catch (problem) {
      void error.write(problemOf(problem, port))
      data.reset()
      return endBoth()
    }
    try {
      await pumpConnection(server, {
        inbox: data.inbox,
        data: { write: (bytes) => data.write(bytes), end: endBoth },
        gone: connection.gone,
      })
    } catch {
      // the server has cut its connection, which ours is to do as well; at a word over the error stream kubectl would end all of them
      data.reset()
    }
    endBoth()
  }
  const expire = (request: string): void => {
    const { error, data } = pairs.get(request)!
    pairs.delete(request)
    void error?.write(Buffer.from(`error forwarding to pod: the other stream of request ${request} has not come`))
    error?.end()
    data?.reset()
  }
  const connection = new SpdyConnection(transport, {
    accept: (stream) => {
      const type = stream.headers.get('streamtype')
      const port = parsePort(stream.headers.get('port'))
      if ((type !== 'error' && type !== 'data') || port === undefined) return false
      const request = requestOf(stream, type)
      if (pairs.get(request)?.[type] !== undefined) return false
      if (type === 'error') stream.inbox.drop()
      // a stream is not to be written to before it is accepted
      queueMicrotask(() => void pairUp(request, stream, type, port))
      return true
    },
  })
  const leave = (): void => connection.close()
  stop.addEventListener('abort', leave)
  try {
    if (stop.aborted) leave()
    await connection.run()
  } finally {
    stop.removeEventListener('abort', leave)
    for (const { timer } of pairs.values()) clearTimeout(timer)
  }
}
