/** Files of an archive or folder by their names in it: what readers of layouts need of either. Names are never paths on the disk. */
export interface Files {
  /** As messages name it: `oci-archive:/tmp/x.tar`. */
  readonly name: string
  /** Bytes; undefined if there is no regular file of that name. Throws `invalid-argument` where that is in doubt. */
  size(path: string): number | undefined
  /** The whole of a small file; throws `invalid-argument` if it has more than `largest` bytes, `not-found`. */
  read(path: string, largest: number): Uint8Array
  /** From `offset` to its end. */
  stream(path: string, options?: StreamOptions): AsyncIterable<Uint8Array>
  /** Idempotent. */
  close(): void
}

export interface StreamOptions {
  readonly offset?: number
  readonly signal?: AbortSignal
}
