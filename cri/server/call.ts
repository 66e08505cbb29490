/** One call of an RPC, whichever it is: its request is decoded, its errors become codes, and it is logged. */
import type { ServerUnaryCall, ServerWritableStream, sendUnaryData } from '@grpc/grpc-js'
import { create, type DescMessage, type DescMethod, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { type ErrorKind, InvalidField, WherryError } from '../../runtime/errors.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import type { Cri } from '../cri.ts'
import { SaidError } from '../rpc/said-error.ts'
import type { Streaming, Unary } from '../rpc/types.ts'
import { answerTo, CODE } from './codes.ts'
import type { Calls, RunningCall } from './calls.ts'

type Incoming = ServerUnaryCall<Buffer, Uint8Array> | ServerWritableStream<Buffer, Uint8Array>
type AnyUnary = Unary<DescMessage, DescMessage>
type AnyStreaming = Streaming<DescMessage, DescMessage>

/** What we do not know is not kept: requests become records, which others read. */
const READ = { readUnknownFields: false } as const

/** Throws `invalid-argument`. */
const decode = (schema: DescMessage, bytes: Uint8Array): MessageShape<DescMessage> => {
  try {
    return fromBinary(schema, bytes, READ)
  } catch (cause) {
    const problem = cause instanceof Error ? cause.message : String(cause)
    throw new WherryError('invalid-argument', `${schema.name}: this is no such message: ${problem}`, { cause })
  }
}

const why = (incoming: Incoming): WherryError => {
  const deadline = incoming.getDeadline()
  return new Date(deadline).getTime() <= Date.now()
    ? new WherryError('deadline-exceeded', 'the deadline of the call is over')
    : new WherryError('cancelled', 'the call was cancelled by its client')
}

/** RPCs that make, change or end something. */
const BUSY = /^(Run|Create|Start|Stop|Remove|Update|ExecSync)/

const open = (calls: Calls, method: DescMethod, incoming: Incoming): RunningCall => {
  const running = calls.begin(method.methodKind !== 'unary')
  incoming.on('cancelled', () => running.abort(why(incoming)))
  return running
}

/** What somebody should look at. */
const BAD: ReadonlySet<ErrorKind> = new Set(['internal', 'data-loss'])

/** Expected errors are what clients deserve to hear and nothing else; others are mistakes of ours, and where they came from matters. */
const logEnd = (cri: Pick<Cri, 'log'>, method: DescMethod, since: number, error?: unknown): void => {
  const { log } = cri
  if (error === undefined && !log.enabled('debug')) return
  const fields = { ms: Math.round((performance.now() - since) * 10) / 10 }
  if (error === undefined) log.debug(method.name, fields)
  else if (error instanceof WherryError || error instanceof SaidError || error instanceof SyscallError) {
    const { code, details } = answerTo(error)
    const level = error instanceof SyscallError || (error instanceof WherryError && BAD.has(error.kind)) ? 'warn' : 'debug'
    log[level](`${method.name}: ${details}`, { ...fields, code })
  } else log.error(`${method.name}: ${String(error)}`, { ...fields, stack: error instanceof Error ? error.stack : undefined })
}

/** What an aborted call fails with is the reason of the abort, wherever it was broken off. */
const reasonOf = (error: unknown, call: RunningCall): unknown =>
  call.aborted !== undefined && !(error instanceof InvalidField) ? call.aborted : error

export const unary =
  (cri: Cri, calls: Calls, method: DescMethod, handler: AnyUnary) =>
  async (incoming: ServerUnaryCall<Buffer, Uint8Array>, respond: sendUnaryData<Uint8Array>): Promise<void> => {
    const since = performance.now()
    const call = open(calls, method, incoming)
    try {
      const request = decode(method.input, incoming.request)
      if (BUSY.test(method.name)) await calls.turns.take()
      if (call.aborted !== undefined) throw call.aborted
      const init = await handler(cri, request, call)
      respond(null, toBinary(method.output, create(method.output, init)))
      logEnd(cri, method, since)
    } catch (error) {
      const reason = reasonOf(error, call)
      respond(answerTo(reason))
      logEnd(cri, method, since, reason)
    } finally {
      call.end()
    }
  }

const drained = (incoming: ServerWritableStream<Buffer, Uint8Array>, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    const done = (): void => {
      incoming.off('drain', done)
      signal.removeEventListener('abort', done)
      resolve()
    }
    incoming.once('drain', done)
    signal.addEventListener('abort', done)
  })

export const streaming =
  (cri: Cri, calls: Calls, method: DescMethod, handler: AnyStreaming) =>
  async (incoming: ServerWritableStream<Buffer, Uint8Array>): Promise<void> => {
    const since = performance.now()
    const call = open(calls, method, incoming)
    try {
      for await (const init of handler(cri, decode(method.input, incoming.request), call)) {
        call.signal.throwIfAborted()
        if (!incoming.write(toBinary(method.output, create(method.output, init)))) await drained(incoming, call.signal)
      }
      if (call.aborted !== undefined) throw call.aborted
      incoming.end()
      logEnd(cri, method, since)
    } catch (error) {
      const reason = reasonOf(error, call)
      incoming.emit('error', answerTo(reason))
      logEnd(cri, method, since, reason)
    } finally {
      call.end()
    }
  }

export const unimplemented =
  (method: DescMethod) =>
  (incoming: Incoming, respond?: sendUnaryData<Uint8Array>): void => {
    const answer = { code: CODE.UNIMPLEMENTED, details: `${method.name} is not supported by wherry` }
    if (respond === undefined) incoming.emit('error', answer)
    else respond(answer)
  }
