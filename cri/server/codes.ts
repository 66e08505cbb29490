/** What a client is told of an error. https://grpc.github.io/grpc/core/md_doc_statuscodes.html */
import { type ErrorKind, WherryError } from '../../runtime/errors.ts'

/** gRPC's status codes. */
export const CODE = {
  OK: 0,
  CANCELLED: 1,
  UNKNOWN: 2,
  INVALID_ARGUMENT: 3,
  DEADLINE_EXCEEDED: 4,
  NOT_FOUND: 5,
  ALREADY_EXISTS: 6,
  PERMISSION_DENIED: 7,
  RESOURCE_EXHAUSTED: 8,
  FAILED_PRECONDITION: 9,
  UNIMPLEMENTED: 12,
  INTERNAL: 13,
  UNAVAILABLE: 14,
  DATA_LOSS: 15,
} as const

export type Code = (typeof CODE)[keyof typeof CODE]

const BY_KIND: Readonly<Record<ErrorKind, Code>> = {
  'invalid-argument': CODE.INVALID_ARGUMENT,
  'not-found': CODE.NOT_FOUND,
  'already-exists': CODE.ALREADY_EXISTS,
  'failed-precondition': CODE.FAILED_PRECONDITION,
  'permission-denied': CODE.PERMISSION_DENIED,
  'resource-exhausted': CODE.RESOURCE_EXHAUSTED,
  unavailable: CODE.UNAVAILABLE,
  'deadline-exceeded': CODE.DEADLINE_EXCEEDED,
  cancelled: CODE.CANCELLED,
  unsupported: CODE.UNIMPLEMENTED,
  'data-loss': CODE.DATA_LOSS,
  internal: CODE.INTERNAL,
}

/** Bytes of a message at most: it goes over in a header, and clients limit those. */
const LONGEST = 4096

const bounded = (text: string): string => {
  const whole = text.toWellFormed()
  if (Buffer.byteLength(whole) <= LONGEST) return whole
  return `${new TextDecoder('utf-8').decode(Buffer.from(whole).subarray(0, LONGEST)).replace(/\uFFFD+$/, '')}…`
}

export interface Answer {
  readonly code: Code
  readonly details: string
}

export const answerTo = (error: unknown): Answer => ({
  code: error instanceof WherryError ? BY_KIND[error.kind] : CODE.UNKNOWN,
  details: bounded(error instanceof Error ? error.message : String(error)),
})
