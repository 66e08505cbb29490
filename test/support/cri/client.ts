/** A client of CRI for tests: every RPC of both services as a function, with plain data in and messages out. */
import {
  type CallOptions,
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type ServiceError,
  type StatusObject,
} from '@grpc/grpc-js'
import {
  create,
  type DescMessage,
  type DescMethod,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import { ImageService, RuntimeService } from '../../../cri/api/api_pb.js'

export interface CallSettings {
  /** Milliseconds until its deadline; default: none. */
  readonly timeout?: number
  /** Cancels the call. */
  readonly signal?: AbortSignal
}

type UnaryCall<I extends DescMessage, O extends DescMessage> = (
  request?: MessageInitShape<I>,
  settings?: CallSettings,
) => Promise<MessageShape<O>>

type StreamCall<I extends DescMessage, O extends DescMessage> = (
  request?: MessageInitShape<I>,
  settings?: CallSettings,
) => AsyncIterable<MessageShape<O>>

type CallOf<M> = M extends { readonly input: infer I extends DescMessage; readonly output: infer O extends DescMessage }
  ? M extends { readonly methodKind: 'unary' }
    ? UnaryCall<I, O>
    : StreamCall<I, O>
  : never

type CallsOf<S> =
  S extends GenService<infer Methods extends GenServiceMethods> ? { readonly [Name in keyof Methods]: CallOf<Methods[Name]> } : never

/** All 43: their names are of one kind, so both services are one object. */
export type CriClient = CallsOf<typeof RuntimeService> &
  CallsOf<typeof ImageService> & {
    /** Bytes as they are, for what no client would send; the answer is bytes too. */
    raw(path: string, bytes: Uint8Array): Promise<Buffer>
    close(): void
  }

/** What a failed call throws: `code` is gRPC’s, `details` the message. */
export type CallError = ServiceError & Pick<StatusObject, 'code' | 'details'>

const LARGEST = 16 * 1024 * 1024

const identity = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

const optionsOf = ({ timeout }: CallSettings): CallOptions => (timeout === undefined ? {} : { deadline: Date.now() + timeout })

const onAbort = (signal: AbortSignal | undefined, call: { cancel(): void }): void => {
  if (signal?.aborted) call.cancel()
  else signal?.addEventListener('abort', () => call.cancel(), { once: true })
}

const unary = (client: Client, path: string, bytes: Uint8Array, settings: CallSettings): Promise<Buffer> => {
  // where it was called from is of more use than the innards of the client
  const { stack } = new Error()
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(path, identity, identity, bytes, new Metadata(), optionsOf(settings), (error, answer) => {
      if (error !== null)
        reject(Object.assign(error, { message: `${path}: ${error.message}`, stack: `${path}: ${error.message}\n${stack}` }))
      else resolve(answer as Buffer)
    })
    onAbort(settings.signal, call)
  })
}

async function* stream(client: Client, path: string, method: DescMethod, bytes: Uint8Array, settings: CallSettings) {
  const call = client.makeServerStreamRequest(
    path,
    identity,
    identity,
    bytes,
    new Metadata(),
    optionsOf(settings),
  ) as ClientReadableStream<Buffer>
  onAbort(settings.signal, call)
  try {
    for await (const answer of call) yield fromBinary(method.output, answer as Buffer)
  } finally {
    call.cancel()
  }
}

/** @param target what gRPC calls it: `unix:/run/wherry/cri.sock` */
export const connectCri = (target: string): CriClient => {
  const client = new Client(target, credentials.createInsecure(), {
    'grpc.max_receive_message_length': LARGEST,
    'grpc.max_send_message_length': -1,
    'grpc.enable_channelz': 0,
    'grpc.use_local_subchannel_pool': 1,
  })
  const calls: Record<string, unknown> = {
    raw: (path: string, bytes: Uint8Array) => unary(client, path, bytes, {}),
    close: () => client.close(),
  }
  for (const service of [RuntimeService, ImageService])
    for (const method of service.methods) {
      const path = `/${service.typeName}/${method.name}`
      const bytesOf = (request: MessageInitShape<DescMessage> = {}) => toBinary(method.input, create(method.input, request))
      calls[method.localName] =
        method.methodKind === 'unary'
          ? async (request?: MessageInitShape<DescMessage>, settings: CallSettings = {}) =>
              fromBinary(method.output, await unary(client, path, bytesOf(request), settings))
          : (request?: MessageInitShape<DescMessage>, settings: CallSettings = {}) =>
              stream(client, path, method, bytesOf(request), settings)
    }
  return calls as unknown as CriClient
}

/** For assert.rejects: that the call failed with this code, and a message that the pattern finds. */
export const failsWith =
  (code: number, message: RegExp) =>
  (error: unknown): true => {
    const { code: got, details } = error as CallError
    if (got !== code || !message.test(details ?? ''))
      throw new Error(`expected code ${code} and ${message}, got ${got}: ${details}`, { cause: error })
    return true
  }
