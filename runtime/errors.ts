/** The closed set of things that can be wrong. Each kind maps once to an exit code (cli) and once to a gRPC code (cri). */
export type ErrorKind =
  | 'invalid-argument'
  | 'not-found'
  | 'already-exists'
  | 'failed-precondition'
  | 'permission-denied'
  | 'resource-exhausted'
  | 'unavailable'
  | 'deadline-exceeded'
  | 'cancelled'
  | 'unsupported'
  | 'data-loss'
  | 'internal'

/** An error whose kind callers act on. Messages are lower case, name the thing and say what to do. */
export class WherryError extends Error {
  override readonly name = 'WherryError'
  readonly kind: ErrorKind

  constructor(kind: ErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.kind = kind
  }
}

/** One field of a document that is not as it must be; `path` is its JSON path: `process.capabilities.bounding[2]`. */
export class InvalidField extends WherryError {
  readonly path: string

  constructor(path: string, problem: string) {
    super('invalid-argument', `${path}: ${problem}`)
    this.path = path
  }
}
