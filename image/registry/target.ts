/** A repository in a registry as the target of images: distribution-spec, "Push". */
import { WherryError } from '../../runtime/errors.ts'
import { type Digest, algorithmOf, digestOf, parseDigest } from '../digest.ts'
import { canonical, type Reference } from '../reference.ts'
import type { Document, ImageTarget, ReadOptions } from '../source.ts'
import type { Descriptor } from '../spec/types.ts'
import { Client } from './client.ts'
import { type Asked, corrupt } from './failure.ts'
import type { RegistryOptions } from './options.ts'
import { locationOf, Upload } from './upload.ts'

export interface RegistryTargetOptions extends RegistryOptions {
  /** Repositories of the same registry that may have a blob, so that it need not be sent: `library/alpine`. */
  readonly mountFrom?: (digest: Digest) => readonly string[]
}

class Target implements ImageTarget {
  readonly name: string
  readonly #reference: Reference
  readonly #client: Client
  readonly #mountFrom: (digest: Digest) => readonly string[]
  readonly #there = new Set<Digest>()
  /** Uploads that a registry began instead of mounting. */
  readonly #begun = new Map<Digest, URL>()
  #named: Document | undefined

  constructor(reference: Reference, options: RegistryTargetOptions) {
    this.name = canonical(reference)
    this.#reference = reference
    const endpoint = options.endpoints.find(({ mirror }) => mirror !== true)
    if (endpoint === undefined) throw new WherryError('failed-precondition', `${this.name}: the settings leave no registry to push it to`)
    this.#client = new Client(endpoint, options, this.name)
    this.#mountFrom = options.mountFrom ?? (() => [])
  }

  get #scope(): string {
    return `repository:${this.#client.endpoint.repository}:pull,push`
  }

  #asked(thing: string): Asked {
    return { endpoint: this.#client.endpoint, thing, write: true }
  }

  async hasBlob(descriptor: Descriptor, { signal }: ReadOptions = {}): Promise<boolean> {
    const { digest } = descriptor
    if (this.#there.has(digest)) return true
    const { repository } = this.#client.endpoint
    const asked = this.#asked(`blob ${digest}`)
    const received = await this.#client.request({
      asked,
      method: 'HEAD',
      at: `${repository}/blobs/${digest}`,
      expect: [200, 404],
      scopes: [this.#scope],
      signal,
    })
    received.drop()
    if (received.status === 200 || (await this.#mount(descriptor, signal))) this.#there.add(digest)
    return this.#there.has(digest)
  }

  /** distribution-spec, "Mounting a blob from another repository". */
  async #mount({ digest }: Descriptor, signal: AbortSignal | undefined): Promise<boolean> {
    const { repository } = this.#client.endpoint
    const asked = this.#asked(`blob ${digest}`)
    for (const from of this.#mountFrom(digest)) {
      if (from === repository) continue
      const query = new URLSearchParams({ mount: digest, from })
      const outcome = await this.#client.try({
        asked,
        method: 'POST',
        at: `${repository}/blobs/uploads/?${query}`,
        expect: [201, 202],
        scopes: [this.#scope, `repository:${from}:pull`],
        signal,
      })
      // it is only a chance: what forbids it will be said again when the blob is sent
      if (!('status' in outcome)) continue
      outcome.drop()
      if (outcome.status === 201) return true
      await this.#keepUpload(digest, asked, outcome)
    }
    return false
  }

  /** The upload that came in place of a mount is that which the blob is sent by. */
  async #keepUpload(digest: Digest, asked: Asked, received: Parameters<typeof locationOf>[1]): Promise<void> {
    let location: URL | undefined
    try {
      location = locationOf(this.#client, received)
    } catch (error) {
      throw this.#client.failed(asked, error).error
    }
    if (location === undefined) return
    const before = this.#begun.get(digest)
    this.#begun.set(digest, location)
    if (before !== undefined) await this.#cancel(digest, before)
  }

  async #cancel(digest: Digest, location: URL): Promise<void> {
    const nothing = async function* (): AsyncGenerator<Uint8Array> {}
    await new Upload(this.#client, { mediaType: '', digest, size: 0 }, nothing, location, undefined).cancel()
  }

  async putBlob(descriptor: Descriptor, open: () => AsyncIterable<Uint8Array>, { signal }: ReadOptions = {}): Promise<void> {
    const { digest } = descriptor
    if (this.#there.has(digest)) return
    const location = this.#begun.get(digest)
    this.#begun.delete(digest)
    await new Upload(this.#client, descriptor, open, location, signal).run()
    this.#there.add(digest)
  }

  async putDocument(document: Document, named: boolean, { signal }: ReadOptions = {}): Promise<void> {
    const actual = digestOf(document.bytes, algorithmOf(document.digest))
    if (actual !== document.digest)
      throw new WherryError('data-loss', `${this.name}: manifest ${document.digest} is not sent: its bytes have the digest ${actual}`)
    if (named && this.#reference.digest !== undefined && this.#reference.digest !== document.digest)
      throw new WherryError(
        'failed-precondition',
        `${this.name}: the image to push there has the digest ${document.digest}: name a tag, or this digest`,
      )
    // what has a tag is seen once it is there
    if (named && this.#reference.tag !== undefined) this.#named = document
    else await this.#put(document, document.digest, signal)
  }

  async #put({ bytes, digest, mediaType }: Document, as: string, signal: AbortSignal | undefined): Promise<void> {
    const asked = this.#asked(`manifest ${as}`)
    const open = async function* (): AsyncGenerator<Uint8Array> {
      yield bytes
    }
    const received = await this.#client.request({
      asked,
      method: 'PUT',
      at: `${this.#client.endpoint.repository}/manifests/${as}`,
      headers: { 'Content-Type': mediaType },
      body: { length: bytes.length, open },
      expect: [201, 202],
      scopes: [this.#scope],
      signal,
    })
    received.drop()
    const stated = received.headers.get('docker-content-digest')
    if (stated !== null && stated !== '' && !sameDigest(stated, bytes, digest))
      throw corrupt(
        asked,
        `${this.#client.endpoint.registry} took it, and calls it ${JSON.stringify(stated.slice(0, 150))} instead of ${digest}`,
      )
  }

  async commit(): Promise<void> {
    const document = this.#named
    if (document === undefined) return
    await this.#put(document, this.#reference.tag!, undefined)
    this.#named = undefined
  }

  async close(): Promise<void> {
    const begun = [...this.#begun]
    this.#begun.clear()
    for (const [digest, location] of begun) await this.#cancel(digest, location)
    this.#client.close()
  }
}

/** A registry may state the digest by another algorithm than ours. */
const sameDigest = (stated: string, bytes: Uint8Array, digest: Digest): boolean => {
  if (stated === digest) return true
  try {
    return digestOf(bytes, algorithmOf(parseDigest(stated))) === stated
  } catch (error) {
    if (error instanceof WherryError) return false
    throw error
  }
}

/** Blobs that are there are not sent. Throws `failed-precondition` where there is no endpoint but mirrors. */
export const registryTarget = (reference: Reference, options: RegistryTargetOptions): ImageTarget => new Target(reference, options)
