/** Where images come from and go to: registries, archives, folders, the store. All of them speak these two interfaces. */
import type { Digest } from './digest.ts'
import type { Descriptor } from './spec/types.ts'

/** A manifest or index, not yet parsed; at most 4 MiB; its bytes have the digest. */
export interface Document {
  readonly mediaType: string
  readonly digest: Digest
  readonly bytes: Uint8Array
}

export interface ReadOptions {
  readonly signal?: AbortSignal
}

export interface BlobOptions extends ReadOptions {
  /** First byte wanted; the bytes before it are at hand already. */
  readonly offset?: number
}

export interface ImageSource {
  /** As messages name it: `docker.io/library/alpine:3.19`, `oci-archive:/tmp/x.tar`. */
  readonly name: string
  /** Without a digest: what the reference names. Throws `not-found`, `permission-denied`, `unavailable`, `data-loss` (another digest). */
  document(digest?: Digest, options?: ReadOptions): Promise<Document>
  /**
   * The blob’s bytes from `offset` to its end, not verified against the digest (who consumes them does that). Broken connections
   * are resumed inside; more bytes than `descriptor.size` are never yielded: that is `data-loss`.
   */
  blob(descriptor: Descriptor, options?: BlobOptions): AsyncIterable<Uint8Array>
  /**
   * Bytes that `blob` gave did not have the digest: where they came from is not asked for this blob again. False if nobody else is left
   * to ask; sources that have the bytes from one place only have no such method.
   */
  distrust?(digest: Digest): boolean
  close(): Promise<void>
}

export interface ImageTarget {
  readonly name: string
  /** True if the blob is there, or could be had without sending it (a mount from another repository). */
  hasBlob(descriptor: Descriptor, options?: ReadOptions): Promise<boolean>
  /** Idempotent. `open` may be called again, for a second try. Verifies digest and size. */
  putBlob(descriptor: Descriptor, open: () => AsyncIterable<Uint8Array>, options?: ReadOptions): Promise<void>
  /** All it refers to has been put. `named` is true for the one document that the reference is to name. */
  putDocument(document: Document, named: boolean, options?: ReadOptions): Promise<void>
  /** Makes it whole, and the reference point at it; without it nothing that can be seen has changed. */
  commit(): Promise<void>
  /** Idempotent; after no commit: takes back what was put, where that is possible. */
  close(): Promise<void>
}
