/** Sending a blob: distribution-spec, "Pushing a blob in chunks" and "Pushing a blob monolithically". */
import { WherryError } from '../../runtime/errors.ts'
import { digestFrom, hasherFor, algorithmOf } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Ask, Client, Failed } from './client.ts'
import type { Received } from './exchange.ts'
import { type Asked, ConnectionError, corrupt } from './failure.ts'
import { resolve } from './hops.ts'
import { Patience } from './patience.ts'

export type Open = () => AsyncIterable<Uint8Array>

/** What a registry says that takes no chunks. */
const NO_CHUNKS: readonly (number | undefined)[] = [400, 405, 411, 415, 501]

/** The blob did not get further, and may the next time. */
class Interrupted extends Error {
  readonly failed: Failed
  constructor(failed: Failed) {
    super(failed.error.message)
    this.failed = failed
  }
}

/**
 * The bytes of `open`, hashed. The last of them come only once all of them are known to be the blob’s, so that nobody is sent a whole
 * blob that is another one.
 */
async function* verified(open: Open, { digest, size }: Descriptor, name: string): AsyncGenerator<Uint8Array> {
  const hash = hasherFor(digest)
  let length = 0
  let held: Uint8Array | undefined
  const fail = (problem: string): WherryError =>
    new WherryError('data-loss', `${name}: blob ${digest} is not sent: what is to be sent of it ${problem}`)
  for await (const piece of open()) {
    if (piece.length === 0) continue
    length += piece.length
    if (length > size) throw fail(`is longer than its ${size} bytes`)
    hash.update(piece)
    if (held !== undefined) yield held
    held = piece
  }
  if (length !== size) throw fail(`ends after ${length} of ${size} bytes`)
  const actual = digestFrom(algorithmOf(digest), hash)
  if (actual !== digest) throw fail(`has the digest ${actual}`)
  if (held !== undefined) yield held
}

/** Bytes taken from it in portions, of any length. */
class Portions {
  readonly #pieces: AsyncIterator<Uint8Array>
  #rest: Uint8Array = new Uint8Array()

  constructor(pieces: AsyncIterable<Uint8Array>) {
    this.#pieces = pieces[Symbol.asyncIterator]()
  }

  async *take(length: number): AsyncGenerator<Uint8Array> {
    for (let wanted = length; wanted > 0; ) {
      if (this.#rest.length === 0) {
        const next = await this.#pieces.next()
        if (next.done === true) return
        this.#rest = next.value
      }
      const piece = this.#rest.subarray(0, wanted)
      this.#rest = this.#rest.subarray(piece.length)
      wanted -= piece.length
      if (piece.length > 0) yield piece
    }
  }

  async skip(length: number): Promise<void> {
    for await (const _ of this.take(length)) {
    }
  }

  async close(): Promise<void> {
    await this.#pieces.return?.()
  }
}

export class Upload {
  readonly #client: Client
  readonly #descriptor: Descriptor
  readonly #open: Open
  readonly #asked: Asked
  readonly #signal: AbortSignal | undefined
  readonly #patience: Patience
  #location: URL | undefined
  /** Bytes that the registry has. */
  #offset = 0
  #chunk: number

  /** `location` is that of an upload already begun. */
  constructor(client: Client, descriptor: Descriptor, open: Open, location: URL | undefined, signal: AbortSignal | undefined) {
    this.#client = client
    this.#descriptor = descriptor
    this.#open = open
    this.#asked = { endpoint: client.endpoint, thing: `blob ${descriptor.digest}`, write: true }
    this.#signal = signal
    this.#patience = new Patience(client.limits, client.name, signal)
    this.#location = location
    this.#chunk = client.limits.chunk
  }

  async run(): Promise<void> {
    for (;;) {
      try {
        if (this.#location === undefined) await this.#begin()
        await this.#send()
        return
      } catch (error) {
        if (!(error instanceof Interrupted)) {
          await this.cancel()
          throw error
        }
        try {
          await this.#patience.failed(error.failed)
        } catch (final) {
          await this.cancel()
          throw final
        }
        await this.#find()
      }
    }
  }

  /** Takes back what was begun. That it cannot be taken back is for the registry to clean up, in its time. */
  async cancel(): Promise<void> {
    if (this.#location === undefined) return
    const ask = this.#ask({ method: 'DELETE', at: this.#location, expect: [200, 202, 204, 404] })
    this.#location = undefined
    try {
      const outcome = await this.#client.try({ ...ask, signal: AbortSignal.timeout(this.#client.limits.connect) })
      if ('status' in outcome) outcome.drop()
    } catch (error) {
      if (!(error instanceof WherryError)) throw error
    }
  }

  #ask(more: Pick<Ask, 'method' | 'at' | 'expect'> & Partial<Ask>): Ask {
    const { repository } = this.#client.endpoint
    return { asked: this.#asked, scopes: [`repository:${repository}:pull,push`], signal: this.#signal, ...more }
  }

  async #begin(): Promise<void> {
    const at = `${this.#client.endpoint.repository}/blobs/uploads/`
    const received = await this.#client.request(this.#ask({ method: 'POST', at, expect: [202] }))
    received.drop()
    this.#accept(received)
    this.#offset = 0
    const least = Number(received.headers.get('oci-chunk-min-length') ?? 0)
    if (Number.isSafeInteger(least) && least > this.#chunk) this.#chunk = least
  }

  /** Where the rest goes: each answer gives a new address. */
  #accept(received: Received): void {
    try {
      this.#location = locationOf(this.#client, received) ?? this.#location
    } catch (error) {
      throw this.#client.failed(this.#asked, error).error
    }
    if (this.#location === undefined)
      throw corrupt(this.#asked, `${this.#client.endpoint.registry} takes the upload, but does not say where`)
  }

  /** One request whose body is a part of the blob. What fails on the way is Interrupted, unless it is final. */
  async #put(ask: Ask): Promise<Received> {
    const outcome = await this.#client.try(ask)
    if ('status' in outcome) {
      outcome.drop()
      return outcome
    }
    // an upload that the registry does not know any more, or whose place it sees elsewhere, can be found or begun again
    const lost = outcome.error.status === 404 || outcome.error.status === 416
    const whole = ask.method === 'PATCH' && this.#offset === 0 && NO_CHUNKS.includes(outcome.error.status)
    if (whole) {
      await this.cancel()
      this.#chunk = Number.POSITIVE_INFINITY
    }
    if (outcome.transient || lost || whole) throw new Interrupted({ ...outcome, transient: true })
    throw outcome.error
  }

  async #send(): Promise<void> {
    const { size } = this.#descriptor
    if (size - this.#offset <= this.#chunk && this.#offset === 0) return this.#sendWhole()
    const portions = new Portions(verified(this.#open, this.#descriptor, this.#client.name))
    try {
      await portions.skip(this.#offset)
      while (this.#offset < size) await this.#sendChunk(portions)
    } finally {
      await portions.close()
    }
    await this.#put(this.#ask({ method: 'PUT', at: this.#completed(), expect: [201, 204], answer: this.#client.limits.commit }))
    this.#location = undefined
  }

  async #sendWhole(): Promise<void> {
    const { size } = this.#descriptor
    const body = { length: size, open: () => verified(this.#open, this.#descriptor, this.#client.name) }
    const headers = { 'Content-Type': 'application/octet-stream' }
    await this.#put(
      this.#ask({ method: 'PUT', at: this.#completed(), headers, body, expect: [201, 204], answer: this.#client.limits.commit }),
    )
    this.#location = undefined
  }

  async #sendChunk(portions: Portions): Promise<void> {
    const offset = this.#offset
    const length = Math.min(this.#chunk, this.#descriptor.size - offset)
    let opened = false
    const body = {
      length,
      open: () => {
        // a redirect or a login wants the body again, of which the portions are gone
        if (opened) throw new ConnectionError('', `${this.#client.endpoint.registry} wants a part of it again`, true)
        opened = true
        return portions.take(length)
      },
    }
    const headers = { 'Content-Type': 'application/octet-stream', 'Content-Range': `${offset}-${offset + length - 1}` }
    const received = await this.#put(
      this.#ask({ method: 'PATCH', at: this.#location!, headers, body, expect: [201, 202, 204], answer: this.#client.limits.commit }),
    )
    this.#accept(received)
    const end = endOf(received) ?? offset + length
    if (end !== offset + length)
      throw new Interrupted({
        error: corrupt(this.#asked, `${this.#client.endpoint.registry} has kept ${end} bytes of it, of the ${offset + length} it was sent`),
        transient: true,
      })
    this.#patience.progress(length)
    this.#offset = end
  }

  #completed(): URL {
    const url = new URL(this.#location!)
    url.searchParams.set('digest', this.#descriptor.digest)
    return url
  }

  /** How far the upload is, after something broke; where it is gone, it begins anew. */
  async #find(): Promise<void> {
    if (this.#location === undefined) return
    const outcome = await this.#client.try(this.#ask({ method: 'GET', at: this.#location, expect: [204, 200, 202] }))
    const before = this.#offset
    this.#offset = 0
    if (!('status' in outcome)) {
      await this.cancel()
      return
    }
    outcome.drop()
    this.#accept(outcome)
    const end = endOf(outcome)
    // of nothing at all registries say 0-0, as of one byte; of a whole that was sent, the end decides
    if (end === undefined || end <= 1 || end > this.#descriptor.size || this.#descriptor.size <= this.#chunk) {
      await this.cancel()
      return
    }
    this.#offset = end
    if (end > before) this.#patience.progress(end - before)
  }
}

/** `Range: 0-99` of an upload’s state: 100. */
const endOf = ({ headers }: Received): number | undefined => {
  const [, last] = /^\s*(?:bytes[= ])?0-(\d{1,15})\s*$/.exec(headers.get('range') ?? '') ?? []
  return last === undefined ? undefined : Number(last) + 1
}

/** Throws ConnectionError for an address that is not gone to. */
export const locationOf = (client: Client, { headers, url }: Received): URL | undefined => {
  const location = headers.get('location')
  return location === null || location === '' ? undefined : resolve(location, url, client.endpoint.insecure === true, 'takes the upload at')
}
