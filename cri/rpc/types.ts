/** The shape of an RPC: plain data in, plain data out. Errors are thrown; cri/server maps their kinds to gRPC codes, once. */
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
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
