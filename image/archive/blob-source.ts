/** An image whose documents and blobs are files of an archive or folder. */
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, type Digest, digestOf, encodedOf } from '../digest.ts'
import type { BlobOptions, Document, ImageSource } from '../source.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import { parseDocument } from '../spec/manifest.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Files } from './files.ts'

export interface BlobSourceOptions {
  readonly name: string
  readonly files: Files
  /** Where a blob is; undefined if there is none. */
  readonly pathOf: (digest: Digest) => string | undefined
  /** The document that the image’s name stands for. */
  readonly named: () => Document | Promise<Document>
  /** Other documents; without it they are blobs like all others. */
  readonly documentAt?: (digest: Digest) => Document | undefined
}

/** image-layout.md, "Blobs". */
export const layoutPath = (digest: Digest): string => `blobs/${algorithmOf(digest)}/${encodedOf(digest)}`

/** The bytes with their type and digest, which must be the wanted one. Throws `data-loss`. */
export const documentOf = (bytes: Uint8Array, what: string, wanted?: Digest, mediaType?: string): Document => {
  const digest = digestOf(bytes, wanted === undefined ? 'sha256' : algorithmOf(wanted))
  if (wanted !== undefined && digest !== wanted)
    throw new WherryError('data-loss', `${what}: has digest ${digest}: the archive is damaged, make it again`)
  const parsed = parseDocument({ bytes, ...(mediaType === undefined ? {} : { mediaType }) }, what)
  return { bytes, digest, mediaType: parsed.kind === 'index' ? parsed.index.mediaType : parsed.manifest.mediaType }
}

export class BlobSource implements ImageSource {
  readonly name: string
  readonly #options: BlobSourceOptions

  constructor(options: BlobSourceOptions) {
    this.name = options.name
    this.#options = options
  }

  async document(digest?: Digest): Promise<Document> {
    const { named, documentAt, files, pathOf } = this.#options
    if (digest === undefined) return named()
    const there = documentAt?.(digest)
    if (there !== undefined) return there
    const path = pathOf(digest)
    if (path === undefined || files.size(path) === undefined)
      throw new WherryError('not-found', `${this.name}: manifest ${digest} is not in it: the archive is incomplete`)
    return documentOf(files.read(path, LARGEST_DOCUMENT), `${this.name}: manifest ${digest}`, digest)
  }

  async *blob({ digest, size, data }: Descriptor, { offset = 0, signal }: BlobOptions = {}): AsyncGenerator<Uint8Array> {
    const { files, pathOf } = this.#options
    const path = pathOf(digest)
    const there = path === undefined ? undefined : files.size(path)
    if (path === undefined || there === undefined) {
      if (data === undefined) throw new WherryError('not-found', `${this.name}: blob ${digest} is not in it: the archive is incomplete`)
      yield data.subarray(offset)
      return
    }
    if (there !== size)
      throw new WherryError(
        'data-loss',
        `${this.name}: blob ${digest} has ${there} bytes, its descriptor says ${size}: the archive is damaged`,
      )
    yield* files.stream(path, { offset, ...(signal === undefined ? {} : { signal }) })
  }

  /** The files belong to who opened them. */
  async close(): Promise<void> {}
}
