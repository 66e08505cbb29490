/** What can go wrong with a registry, in words, with the kind that callers act on. */
import { type ErrorKind, WherryError } from '../../runtime/errors.ts'
import type { Endpoint } from './options.ts'
import { clean } from './words.ts'

/** A registry’s answer that is a refusal, or no fitting answer at all. */
export class RegistryError extends WherryError {
  readonly registry: string
  /** Undefined where there was no answer. */
  readonly status: number | undefined
  /** The registry’s own: `MANIFEST_UNKNOWN`. */
  readonly code: string | undefined

  constructor(
    kind: ErrorKind,
    message: string,
    registry: string,
    { status, code, cause }: { status?: number; code?: string | undefined; cause?: unknown } = {},
  ) {
    super(kind, message, cause === undefined ? {} : { cause })
    this.registry = registry
    this.status = status
    this.code = code
  }
}

/** No answer came, or it broke off. `transient`: it may be well the next time. */
export class ConnectionError extends Error {
  override readonly name = 'ConnectionError'
  readonly code: string
  readonly transient: boolean

  constructor(code: string, message: string, transient: boolean, options?: ErrorOptions) {
    super(message, options)
    this.code = code
    this.transient = transient
  }
}

/** What was asked for, for messages: `manifest 3.19`, `blob sha256:…`. */
export interface Asked {
  readonly endpoint: Endpoint
  readonly thing: string
  /** Default: reading it. */
  readonly write?: boolean
}

export const where = ({ registry, repository }: Endpoint): string => (repository === '' ? registry : `${registry}/${repository}`)

interface Row {
  readonly kind: ErrorKind
  readonly hint: (asked: Asked, circumstances: Circumstances) => string
}

interface Circumstances {
  /** Who answered, where it is not the registry itself. */
  readonly by?: string
  /** A login was sent. */
  readonly login?: boolean
}

const login = ({ endpoint, write }: Asked, { login }: Circumstances): string => {
  const may = `a user who may ${write === true ? 'push' : 'pull'} it`
  return login === true
    ? `the login is refused, or not that of ${may}: log in again with "wherry login ${endpoint.registry}"`
    : `log in with "wherry login ${endpoint.registry}" as ${may}, or check the name`
}

const later = (): string => 'try again later'

const STATUSES: Readonly<Record<number, Row>> = {
  400: { kind: 'invalid-argument', hint: () => 'the registry finds the request, or what it is to take, wrong' },
  401: { kind: 'permission-denied', hint: login },
  403: { kind: 'permission-denied', hint: login },
  404: {
    kind: 'not-found',
    hint: ({ endpoint, thing }) => `there is no ${thing} in repository ${endpoint.repository} of ${endpoint.registry}: check the name`,
  },
  405: { kind: 'unsupported', hint: () => 'the registry does not know this request' },
  408: { kind: 'unavailable', hint: later },
  413: { kind: 'resource-exhausted', hint: () => 'the registry, or a proxy before it, takes nothing as large' },
  416: { kind: 'data-loss', hint: () => 'the registry has fewer bytes of it than the manifest says' },
  425: { kind: 'unavailable', hint: later },
  429: { kind: 'resource-exhausted', hint: () => 'the registry wants fewer requests: log in, or try again later' },
  503: { kind: 'unavailable', hint: later },
}

/** Not of the table: what the hundreds say (RFC 9110, section 15). */
const rowOf = (status: number): Row =>
  STATUSES[status] ??
  (status >= 500
    ? { kind: 'unavailable', hint: later }
    : { kind: 'failed-precondition', hint: () => 'no such answer was expected: check that this is a container registry' })

/** Where a registry redirects to, no login of ours is of use. */
const ELSEWHERE: Row = { kind: 'unavailable', hint: () => 'it refuses what the registry allows: try again later' }

interface Told {
  readonly code?: string | undefined
  readonly message?: string | undefined
}

/** The first error of distribution-spec, "Error Codes", or of OAuth2 (RFC 6749, 5.2). Anything else is no such error. */
export const errorOf = (body: string): Told => {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    return {}
  }
  const text = (from: unknown): string | undefined => (typeof from === 'string' && from !== '' ? from : undefined)
  if (typeof value !== 'object' || value === null) return {}
  const { errors, error, error_description, details, message } = value as Readonly<Record<string, unknown>>
  const first: unknown = Array.isArray(errors) ? errors[0] : undefined
  if (typeof first === 'object' && first !== null) {
    const { code, message } = first as Readonly<Record<string, unknown>>
    return { code: text(code), message: text(message) }
  }
  return { code: text(error), message: text(error_description) ?? text(details) ?? text(message) }
}

/** `403 DENIED ("requested access is denied")` */
export const answered = (status: number, { code, message }: Told): string =>
  [
    status,
    ...(code === undefined ? [] : [clean(code, 60)]),
    ...(message === undefined ? [] : [`(${JSON.stringify(clean(message))})`]),
  ].join(' ')

/** The error for an answer that is none of those wanted; `body` is the beginning of the answer’s. */
export const refusal = (asked: Asked, status: number, body: string, circumstances: Circumstances = {}): RegistryError => {
  const told = errorOf(body)
  const elsewhere = circumstances.by !== undefined && (status === 401 || status === 403)
  const { kind, hint } = elsewhere ? ELSEWHERE : rowOf(status)
  const { endpoint, thing } = asked
  const by = circumstances.by === undefined ? endpoint.registry : `${circumstances.by}, where it redirects to,`
  return new RegistryError(
    kind,
    `${where(endpoint)}: ${thing}: ${by} answered ${answered(status, told)}: ${hint(asked, circumstances)}`,
    endpoint.registry,
    { status, code: told.code },
  )
}

/** The error for bytes that are not what they should be. */
export const corrupt = ({ endpoint, thing }: Asked, problem: string, cause?: unknown): RegistryError =>
  new RegistryError('data-loss', `${where(endpoint)}: ${thing}: ${problem}`, endpoint.registry, { cause })

export const unreachable = ({ endpoint, thing }: Asked, error: ConnectionError): RegistryError =>
  new RegistryError('unavailable', `${where(endpoint)}: ${thing}: ${error.message}`, endpoint.registry, { cause: error })
