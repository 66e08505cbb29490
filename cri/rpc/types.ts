/** The shape of an RPC: plain data in, plain data out. Errors are thrown; cri/server maps their kinds to gRPC codes, once. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { GenService, GenServiceMethods } from '@bufbuild/protobuf/codegenv2'
import type { Call, Cri } from '../cri.ts'

export type Unary<I extends DescMessage, O extends DescMessage> = (
  cri: Cri,
  request: MessageShape<I>,
  call: Call,
) => MessageInitShape<O> | Promise<MessageInitShape<O>>

/** Ends when it returns, or when the call's signal is aborted. */
export type Streaming<I extends DescMessage, O extends DescMessage> = (
  cri: Cri,
  request: MessageShape<I>,
  call: Call,
) => AsyncIterable<MessageInitShape<O>>

type HandlerOf<M> = M extends { readonly input: infer I extends DescMessage; readonly output: infer O extends DescMessage }
  ? M extends { readonly methodKind: 'unary' }
    ? Unary<I, O>
    : Streaming<I, O>
  : never

/** All RPCs of a service; those that are undefined answer UNIMPLEMENTED. */
export type Handlers<S> =
  S extends GenService<infer Methods extends GenServiceMethods>
    ? { readonly [Name in keyof Methods]: HandlerOf<Methods[Name]> | undefined }
    : never
