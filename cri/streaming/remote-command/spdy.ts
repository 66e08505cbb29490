/** exec and attach over SPDY: k8s.io/cri-streaming/pkg/streaming/remotecommand. A stream per standard stream, one for the end, one for sizes. */
import { WherryError } from '../../../runtime/errors.ts'
import { SpdyConnection, type SpdyStream } from '../spdy/connection.ts'
import type { Transport } from '../transport.ts'
import { encodeStatus } from './status.ts'
import type { Session, Wanted } from './session.ts'
import { terminalSizes } from './sizes.ts'

/** The best first. */
export const SPDY_PROTOCOLS = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'] as const
export type SpdyProtocol = (typeof SPDY_PROTOCOLS)[number]

/** Milliseconds that a client has to open its streams. */
export const CREATION = 30_000

const TYPES = ['error', 'stdin', 'stdout', 'stderr', 'resize'] as const
type Type = (typeof TYPES)[number]
const isType = (text: string | undefined): text is Type => (TYPES as readonly (string | undefined)[]).includes(text)

const expected = (protocol: SpdyProtocol, { stdin, stdout, stderr, tty }: Wanted): readonly Type[] => {
  const resizes = protocol === 'v4.channel.k8s.io' || protocol === 'v3.channel.k8s.io'
  const wanted: Record<Type, boolean> = { error: true, stdin, stdout, stderr, resize: tty && resizes }
  return TYPES.filter((type) => wanted[type])
}

/** Throws `deadline-exceeded` where the client does not open what it has asked for, `cancelled` where it leaves. */
export const openSpdySession = async (
  transport: Transport,
  protocol: SpdyProtocol,
  wanted: Wanted,
  report: (error: unknown) => void,
  patience = CREATION,
): Promise<Session> => {
  const types = expected(protocol, wanted)
  const streams = new Map<Type, SpdyStream>()
  const { promise: complete, resolve, reject } = Promise.withResolvers<void>()
  const connection = new SpdyConnection(transport, {
    accept: (stream) => {
      const type = stream.headers.get('streamtype')
      if (!isType(type) || streams.has(type)) return false
      streams.set(type, stream)
      if (!types.includes(type) || type === 'error' || type === 'stdout' || type === 'stderr') stream.inbox.drop()
      if (types.every((each) => streams.has(each))) resolve()
      return true
    },
  })
  connection.run().catch(report)
  const leave = (): void => reject(new WherryError('cancelled', 'the client has left before it had opened its streams'))
  connection.gone.addEventListener('abort', leave)
  const timer = setTimeout(() => {
    const missing = types.filter((type) => !streams.has(type))
    reject(new WherryError('deadline-exceeded', `the client has not opened its streams in ${patience / 1000} s: ${missing.join(', ')}`))
  }, patience)
  try {
    await complete
  } catch (error) {
    connection.close()
    throw error
  } finally {
    clearTimeout(timer)
    connection.gone.removeEventListener('abort', leave)
  }
  const stream = (type: Type): SpdyStream | undefined => (types.includes(type) ? streams.get(type) : undefined)
  const [stdin, stdout, stderr, resize] = [stream('stdin'), stream('stdout'), stream('stderr'), stream('resize')]
  return {
    ...(stdin === undefined ? {} : { stdin: stdin.inbox }),
    ...(stdout === undefined ? {} : { stdout }),
    ...(stderr === undefined ? {} : { stderr }),
    ...(resize === undefined ? {} : { sizes: terminalSizes(resize.inbox) }),
    gone: connection.gone,
    finish: (status) => {
      for (const each of [stdout, stderr]) each?.end()
      const error = streams.get('error')!
      void error.write(encodeStatus(status, protocol === 'v4.channel.k8s.io'))
      error.end()
      connection.close()
    },
  }
}
