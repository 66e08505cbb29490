/** One request and its answer over node-fetch: no redirects, no logins, no second try. */
import type { Agent } from 'node:http'
import { Readable } from 'node:stream'
import fetch, { type Headers } from 'node-fetch'
import { WherryError } from '../../runtime/errors.ts'
import { ConnectionError } from './failure.ts'
import type { Limits, TraceEvent } from './options.ts'
import { checkSignal } from './wait.ts'
import { clean, duration, redact } from './words.ts'

export interface Sent {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly url: URL
  readonly headers: Readonly<Record<string, string>>
  readonly body?: RequestBody
  /** The body is for this address and no other. */
  readonly secret?: boolean
}

export interface RequestBody {
  /** Bytes. */
  readonly length: number
  /** From its beginning, for each request anew. */
  open(): AsyncIterable<Uint8Array>
}

export interface Received {
  readonly status: number
  readonly headers: Headers
  readonly url: URL
  /** Read it to its end or `drop` it: the connection waits for that. */
  readonly body: Readable
  drop(): unknown
}

/** Bytes of a body that is read, to keep the connection, where nobody wants it. */
const SMALL = 16 * 1024

export interface Wire {
  readonly name: string
  readonly agent: (url: URL) => Agent
  readonly userAgent: string
  readonly limits: Limits
  readonly onTrace: ((event: TraceEvent) => void) | undefined
}

/** Codes of node:net, node:dns, node:tls and llhttp: what they mean, and whether another try may help. */
const CODES: Readonly<Record<string, readonly [string, boolean]>> = {
  ECONNREFUSED: ['the connection was refused: check host and port, and that the registry runs', true],
  ECONNRESET: ['the connection broke', true],
  EPIPE: ['the connection broke', true],
  ERR_STREAM_PREMATURE_CLOSE: ['the connection broke', true],
  ETIMEDOUT: ['no connection in time', true],
  EHOSTUNREACH: ['the host cannot be reached: check the network', true],
  ENETUNREACH: ['the network cannot be reached: check the network', true],
  EAI_AGAIN: ['the host’s name cannot be looked up now: check the network and its DNS', true],
  ENOTFOUND: ['there is no host of this name: check the name and the DNS', false],
  HPE_HEADER_OVERFLOW: ['the answer’s headers are larger than the 16 KiB that are read of them', false],
}

/** What OpenSSL says of certificates; `insecure` and the folder of certificates are what can be done. */
const CERTIFICATE =
  /^(?:CERT_|ERR_TLS_CERT_|UNABLE_TO_(?:VERIFY|GET)_|DEPTH_ZERO_SELF_SIGNED|SELF_SIGNED_CERT|HOSTNAME_MISMATCH|INVALID_CA|PATH_LENGTH_EXCEEDED|INVALID_PURPOSE)/

const codeOf = (error: unknown): string => {
  const { code } = error as { readonly code?: unknown }
  return typeof code === 'string' ? code : ''
}

/** Says what broke, with the host it was to. */
export const connectionError = (error: unknown, url: URL): ConnectionError => {
  if (error instanceof ConnectionError) return error
  const code = codeOf(error)
  const message = error instanceof Error ? error.message.replace(/^.*failed, reason: /s, '') : String(error)
  // of OpenSSL’s line with a thread, a code, a file and a line number
  const told = clean(/SSL routines:[^:]*:([^:]+)/.exec(message)?.[1] ?? message)
  const fail = (problem: string, transient: boolean): ConnectionError =>
    // without its cause: node-fetch’s words have the address, with what may be secret in it
    new ConnectionError(code, `${url.host}: ${problem}${code === '' ? '' : ` (${code})`}`, transient)
  const known = CODES[code]
  if (known !== undefined) return fail(known[0], known[1])
  if (code === 'ERR_PROXY_TUNNEL') {
    const status = /HTTP\/1\.\d (\d{3})/.exec(message)?.[1]
    const answer = status === undefined ? '' : `: it answers ${status}`
    return fail(`the proxy of $HTTPS_PROXY makes no connection to it${answer}`, status === undefined || status.startsWith('5'))
  }
  if (CERTIFICATE.test(code))
    return fail(
      `its certificate is not trusted: ${told}: add the authority’s certificate for this registry, or state that it is insecure`,
      false,
    )
  if (code === 'EPROTO' || code.startsWith('ERR_SSL_'))
    return fail(`no TLS connection: ${told}: if the registry has plain http, state that it is insecure`, false)
  if (code.startsWith('HPE_')) return fail(`what it answers is not HTTP: ${told}`, false)
  return fail(told === '' ? 'the connection failed' : told, true)
}

/** A timer that breaks the request off, and who broke it off. */
class Breaker {
  readonly controller = new AbortController()
  failure: ConnectionError | undefined
  #timer: NodeJS.Timeout | undefined

  break(failure: ConnectionError): void {
    this.failure ??= failure
    this.controller.abort()
  }

  in(milliseconds: number, failure: () => ConnectionError): void {
    this.stop()
    this.#timer = setTimeout(() => this.break(failure()), milliseconds)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

/** The body as a stream that restarts the clock as it is taken; what `open` throws is kept, to be told from a broken connection. */
const streamOf = (
  body: RequestBody,
  url: URL,
  breaker: Breaker,
  limits: Limits,
  answer: number,
  failed: (error: unknown) => void,
): Readable => {
  const { bytes: least, milliseconds } = limits.stall
  const stalled = (): ConnectionError =>
    new ConnectionError('ETIMEDOUT', `${url.host}: took fewer than ${least} bytes in ${duration(milliseconds)}`, true)
  const pieces = async function* (): AsyncGenerator<Uint8Array> {
    let taken = 0
    try {
      for await (const piece of body.open()) {
        if (taken >= least) {
          taken = 0
          breaker.in(milliseconds, stalled)
        }
        taken += piece.length
        yield piece
      }
    } catch (error) {
      failed(error)
      throw error
    }
    breaker.in(answer, () => new ConnectionError('ETIMEDOUT', `${url.host}: no answer within ${duration(answer)}`, true))
  }
  breaker.in(milliseconds, stalled)
  return Readable.from(pieces(), { objectMode: false })
}

/**
 * Throws ConnectionError where no answer came, `cancelled` (or the signal’s reason) where the caller cancelled, and what the body threw.
 * `answer`: milliseconds to wait for the head of the answer.
 */
export const exchange = async (wire: Wire, sent: Sent, signal: AbortSignal | undefined, answer = wire.limits.answer): Promise<Received> => {
  checkSignal(signal, wire.name)
  const { method, url } = sent
  const begun = performance.now()
  const trace = (outcome: { status?: number; problem?: string }): void =>
    wire.onTrace?.({ method, url: redact(url), ...outcome, milliseconds: performance.now() - begun })
  const breaker = new Breaker()
  const cancel = (): void => breaker.controller.abort()
  signal?.addEventListener('abort', cancel, { once: true })
  let bodyError: { readonly error: unknown } | undefined
  try {
    const silent = (): ConnectionError => new ConnectionError('ETIMEDOUT', `${url.host}: no answer within ${duration(answer)}`, true)
    if (sent.body === undefined) breaker.in(answer, silent)
    const response = await fetch(url.href, {
      method,
      headers: {
        'User-Agent': wire.userAgent,
        // a layer’s bytes are wanted as they are
        'Accept-Encoding': 'identity',
        ...sent.headers,
        ...(sent.body === undefined ? {} : { 'Content-Length': String(sent.body.length) }),
      },
      redirect: 'manual',
      compress: false,
      agent: wire.agent,
      signal: breaker.controller.signal,
      ...(sent.body === undefined
        ? {}
        : {
            body: streamOf(sent.body, url, breaker, wire.limits, answer, (error) => {
              bodyError = { error }
            }),
          }),
    })
    trace({ status: response.status })
    const body = response.body as Readable
    const length = method === 'HEAD' ? 0 : Number(response.headers.get('content-length') ?? Number.POSITIVE_INFINITY)
    const done = (): void => signal?.removeEventListener('abort', cancel)
    body.once('close', done)
    checkCoding(response.headers.get('transfer-encoding'), url, body)
    return { status: response.status, headers: response.headers, url, body, drop: () => (length <= SMALL ? body.resume() : body.destroy()) }
  } catch (error) {
    signal?.removeEventListener('abort', cancel)
    checkSignal(signal, wire.name)
    if (bodyError !== undefined) throw bodyError.error
    const failure = breaker.failure ?? (error instanceof WherryError ? error : connectionError(error, url))
    trace({ problem: failure.message })
    throw failure
  } finally {
    breaker.stop()
  }
}

/** Node decodes `chunked` alone; what else was done to the body would be taken for the body. */
const checkCoding = (coding: string | null, url: URL, body: Readable): void => {
  if (coding === null || /^\s*(?:chunked|identity)\s*$/i.test(coding)) return
  body.destroy()
  throw new ConnectionError(
    '',
    `${url.host}: answers with transfer encoding ${JSON.stringify(clean(coding, 60))}, which nobody asked for`,
    false,
  )
}
