/** The services of CRI, answered by the functions of cri/rpc/table.ts, for connections that are handed in. */
import type { Duplex } from 'node:stream'
import { Server, ServerCredentials, type ServiceDefinition, type UntypedHandleCall } from '@grpc/grpc-js'
import type { DescMessage, DescService } from '@bufbuild/protobuf'
import { ImageService, RuntimeService } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { IMAGES, RUNTIME } from '../rpc/table.ts'
import type { Streaming, Unary } from '../rpc/types.ts'
import { streaming, unary, unimplemented } from './call.ts'
import { type Calls, openCalls } from './calls.ts'

/** Bytes of a message; kubelet's client and containerd have the same limit. */
export const LARGEST_MESSAGE = 16 * 1024 * 1024

/** Calls at a time on one connection: kubelet has one for everything. */
const CONCURRENT = 1000

/** Bytes as they are: what they mean is the wrapper's, which knows what to answer. */
const same = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

type Handler = Unary<DescMessage, DescMessage> | Streaming<DescMessage, DescMessage>

const addService = (
  server: Server,
  service: DescService,
  handlers: Readonly<Record<string, unknown>>,
  { cri, calls }: { readonly cri: Cri; readonly calls: Calls },
): void => {
  const definition: Record<string, ServiceDefinition[string]> = {}
  const implementation: Record<string, UntypedHandleCall> = {}
  for (const method of service.methods) {
    const { localName, name } = method
    const handler = handlers[localName] as Handler | undefined
    definition[localName] = {
      path: `/${service.typeName}/${name}`,
      requestStream: false,
      responseStream: method.methodKind === 'server_streaming',
      requestSerialize: same,
      requestDeserialize: same,
      responseSerialize: same,
      responseDeserialize: same,
    }
    implementation[localName] = (
      handler === undefined
        ? unimplemented(method)
        : method.methodKind === 'unary'
          ? unary(cri, calls, method, handler as Unary<DescMessage, DescMessage>)
          : streaming(cri, calls, method, handler as Streaming<DescMessage, DescMessage>)
    ) as UntypedHandleCall
  }
  server.addService(definition, implementation)
}

export interface GrpcServer {
  /** Serves a connection; what is wrong with it ends it and nothing else. */
  accept(connection: Duplex): void
  /** No call is left when it resolves, and no connection. */
  close(patience: number): Promise<void>
}

export const openGrpcServer = (cri: Cri): GrpcServer => {
  const server = new Server({
    'grpc.max_receive_message_length': LARGEST_MESSAGE,
    'grpc.max_send_message_length': LARGEST_MESSAGE,
    'grpc.max_concurrent_streams': CONCURRENT,
    'grpc.enable_channelz': 0,
  })
  const calls = openCalls()
  addService(server, RuntimeService, RUNTIME, { cri, calls })
  addService(server, ImageService, IMAGES, { cri, calls })
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure())
  return {
    accept: (connection) => injector.injectConnection(connection),
    async close(patience) {
      await calls.finish(patience)
      injector.destroy()
      server.forceShutdown()
    },
  }
}
