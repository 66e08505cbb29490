/** A repository in a registry, and its mirrors, as a source of images. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { canonical, DEFAULT_TAG, type Reference } from '../reference.ts'
import type { BlobOptions, Document, ImageSource, ReadOptions } from '../source.ts'
import type { Descriptor } from '../spec/types.ts'
import { type Position, readBlob } from './blob.ts'
import { Client } from './client.ts'
import { fetchDocument, headDocument, type Named } from './document.ts'
import { RegistryError } from './failure.ts'
import type { RegistryOptions } from './options.ts'
import { Patience } from './patience.ts'
import { checkSignal } from './wait.ts'

export interface RegistrySource extends ImageSource {
  /**
   * The digest that the reference names now, without fetching what it names: by HEAD where the registry answers that. For a reference
   * with a digest it is that one. Throws as `document` does.
   */
  resolve(options?: ReadOptions): Promise<Digest>
}

/** Where another endpoint follows, it is asked soon. */
const TRIES_OF_MIRROR = 2

/** What another endpoint may do better. */
const passes = (error: unknown): error is WherryError =>
  error instanceof RegistryError || (error instanceof WherryError && error.kind !== 'cancelled' && error.kind !== 'internal')

interface Failure {
  readonly client: Client
  readonly error: WherryError
}

/** All that failed, in their order; the kind is that of the registry itself, or of the last mirror where it was not asked. */
const together = (failures: readonly Failure[]): WherryError => {
  const main = (failures.find(({ client }) => client.endpoint.mirror !== true) ?? failures.at(-1)!).error
  const others = failures.filter(({ error }) => error !== main).map(({ error }) => error.message)
  if (others.length === 0) return main
  return new WherryError(main.kind, `${main.message}; of its mirrors: ${others.join('; ')}`, { cause: main })
}

class Source implements RegistrySource {
  readonly name: string
  readonly #reference: Reference
  readonly #clients: readonly Client[]
  /** That which answered last. */
  #preferred: Client | undefined
  /** By digest: who has given bytes of the blob since they were last found to be wrong, and who gave such. */
  readonly #given = new Map<Digest, Set<Client>>()
  readonly #wrong = new Map<Digest, Set<Client>>()

  constructor(reference: Reference, options: RegistryOptions) {
    if (options.endpoints.length === 0)
      throw new WherryError('failed-precondition', `${canonical(reference)}: the settings leave no registry to ask for it`)
    this.#reference = reference
    this.name = canonical(reference)
    this.#clients = options.endpoints.map((endpoint) => new Client(endpoint, options, this.name))
  }

  #named(digest: Digest | undefined): Named {
    const wanted = digest ?? this.#reference.digest
    return { reference: wanted ?? this.#reference.tag ?? DEFAULT_TAG, digest: wanted }
  }

  /** What has the document has the blobs. */
  #candidates(byDigest: boolean): readonly Client[] {
    const preferred = this.#preferred
    return byDigest && preferred !== undefined ? [preferred, ...this.#clients.filter((client) => client !== preferred)] : this.#clients
  }

  #patience(client: Client, last: boolean, signal: AbortSignal | undefined): Patience {
    const { limits } = client
    return new Patience(limits, this.name, signal, last ? limits.tries : Math.min(limits.tries, TRIES_OF_MIRROR))
  }

  async #first<T>(byDigest: boolean, signal: AbortSignal | undefined, ask: (client: Client, patience: Patience) => Promise<T>): Promise<T> {
    const clients = this.#candidates(byDigest)
    const failures: Failure[] = []
    for (const [at, client] of clients.entries()) {
      checkSignal(signal, this.name)
      try {
        const answer = await ask(client, this.#patience(client, at === clients.length - 1, signal))
        this.#preferred = client
        return answer
      } catch (error) {
        if (!passes(error)) throw error
        failures.push({ client, error })
      }
    }
    throw together(failures)
  }

  document(digest?: Digest, { signal }: ReadOptions = {}): Promise<Document> {
    const named = this.#named(digest)
    return this.#first(named.digest !== undefined, signal, (client, patience) => fetchDocument(client, named, patience, signal))
  }

  async resolve(options: ReadOptions = {}): Promise<Digest> {
    const named = this.#named(undefined)
    if (named.digest !== undefined) return named.digest
    const digest = await this.#first(false, options.signal, (client, patience) => headDocument(client, named, patience, options.signal))
    return digest ?? (await this.document(undefined, options)).digest
  }

  async *blob(descriptor: Descriptor, { offset = 0, signal }: BlobOptions = {}): AsyncGenerator<Uint8Array> {
    const position: Position = { offset }
    if (descriptor.data !== undefined && descriptor.data.length === descriptor.size) {
      if (offset < descriptor.size) yield descriptor.data.subarray(offset)
      return
    }
    const clients = this.#trusted(descriptor.digest)
    const given = this.#given.get(descriptor.digest) ?? new Set<Client>()
    this.#given.set(descriptor.digest, given)
    const failures: Failure[] = []
    for (const [at, client] of clients.entries()) {
      checkSignal(signal, this.name)
      try {
        for await (const bytes of readBlob(
          client,
          descriptor,
          position,
          this.#patience(client, at === clients.length - 1, signal),
          signal,
        )) {
          given.add(client)
          yield bytes
        }
        return
      } catch (error) {
        if (!passes(error)) throw error
        failures.push({ client, error })
      }
    }
    throw together(failures)
  }

  /** Those that have not given wrong bytes of it; all if nobody else is left. */
  #trusted(digest: Digest): readonly Client[] {
    const wrong = this.#wrong.get(digest)
    const trusted = this.#candidates(true).filter((client) => wrong?.has(client) !== true)
    return trusted.length > 0 ? trusted : this.#candidates(true)
  }

  distrust(digest: Digest): boolean {
    const wrong = this.#wrong.get(digest) ?? new Set<Client>()
    const given = this.#given.get(digest)
    if (given === undefined || given.size === 0) return false
    for (const client of given) wrong.add(client)
    this.#wrong.set(digest, wrong)
    this.#given.delete(digest)
    return this.#clients.some((client) => !wrong.has(client))
  }

  async close(): Promise<void> {
    for (const client of this.#clients) client.close()
  }
}

/** Nothing is asked before it is used. Throws `failed-precondition` where there is no endpoint. */
export const registrySource = (reference: Reference, options: RegistryOptions): RegistrySource => new Source(reference, options)
