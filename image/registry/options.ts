/** What a registry is reached with: plain values; image/settings finds them in files. */

/** One place where a repository is served: the registry itself, or a mirror of it. */
export interface Endpoint {
  /** As people name it, and as credentials are kept for it: `docker.io`, `localhost:5000`, `[::1]:5000`. */
  readonly registry: string
  /** The repository’s name there: `library/alpine`; a mirror may have a prefix before it. */
  readonly repository: string
  /** Falls back to http, and takes any certificate. */
  readonly insecure?: boolean
  readonly tls?: TlsSettings
  /** Only read from. */
  readonly mirror?: boolean
}

/** PEM, any number of certificates in each text. */
export interface TlsSettings {
  /** Trusted as well as the system’s. */
  readonly ca?: readonly string[]
  /** The client’s own certificate, with its key. */
  readonly cert?: string
  readonly key?: string
}

export type Credentials =
  | { readonly username: string; readonly password: string }
  /** An OAuth2 refresh token. */
  | { readonly identityToken: string; readonly username?: string }
  /** A bearer token that the registry takes as it is. */
  | { readonly registryToken: string }

/** Milliseconds, if nothing else is said. */
export interface Limits {
  /** Until a connection is there, with TLS. */
  readonly connect: number
  /** From the end of a request to the head of its answer. */
  readonly answer: number
  /** The same, for the request that ends an upload: the registry may copy the blob before it answers. */
  readonly commit: number
  /** Until a document, token or error is there as a whole. */
  readonly document: number
  /** A connection that brings fewer than `bytes` in `milliseconds` of waiting for it is dropped, and made again. */
  readonly stall: { readonly bytes: number; readonly milliseconds: number }
  /** Failures in a row, without `progress` between them, after which it is given up. */
  readonly tries: number
  /** Bytes of a blob that a connection must bring to count as progress, if it does not bring the blob’s end. */
  readonly progress: number
  /** Before the second try, doubled for each further one; a random part of it is waited. */
  readonly firstWait: number
  readonly longestWait: number
  /** A registry that asks to wait longer is given up. */
  readonly longestRetryAfter: number
  readonly redirects: number
  /** Bytes of a blob sent in one request; a larger blob is sent in several. */
  readonly chunk: number
}

export const LIMITS: Limits = {
  connect: 20_000,
  answer: 60_000,
  commit: 600_000,
  document: 120_000,
  stall: { bytes: 32 * 1024, milliseconds: 30_000 },
  tries: 6,
  progress: 64 * 1024,
  firstWait: 500,
  longestWait: 20_000,
  longestRetryAfter: 120_000,
  redirects: 8,
  chunk: 32 * 1024 * 1024,
}

/** One request and what came of it; no secrets are in it. */
export interface TraceEvent {
  readonly method: string
  /** Without query and user. */
  readonly url: string
  /** Undefined where no answer came. */
  readonly status?: number
  readonly problem?: string
  /** From the request to the head of the answer. */
  readonly milliseconds: number
}

export interface RegistryOptions {
  /** In the order in which they are asked, at least one; the registry itself is the one that is no mirror. */
  readonly endpoints: readonly Endpoint[]
  /** Of a repository, `docker.io/library/alpine`; asked once the registry wants a login. Undefined: none are known. */
  readonly credentials?: (repository: string) => Promise<Credentials | undefined>
  readonly limits?: Partial<Limits>
  /** `wherry/0.1.0` */
  readonly userAgent?: string
  /** HTTP_PROXY, HTTPS_PROXY, NO_PROXY and SSL_CERT_FILE are looked up here; default: the process’s. */
  readonly env?: Readonly<Record<string, string | undefined>>
  readonly onTrace?: (event: TraceEvent) => void
}
