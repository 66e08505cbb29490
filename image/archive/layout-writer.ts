/** Writes OCI image layouts, into a folder or a tar archive: image-spec image-layout.md. */
import type { Document, ImageTarget } from '../source.ts'
import { formatIndex } from '../spec/format.ts'
import { OCI_INDEX } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import { layoutPath } from './blob-source.ts'
import { IMAGE_NAME, REF_NAME } from './layout.ts'
import type { Output } from './output.ts'
import { TarWriter } from './tar-writer.ts'
import { verified } from './verified.ts'
import { type ArchiveWriter, Turns } from './writer.ts'

export const MARKER = Buffer.from(JSON.stringify({ imageLayoutVersion: '1.0.0' }))

/** What a layout is put in. */
export interface LayoutPlace {
  readonly name: string
  has(path: string): boolean
  /** Bytes are verified while they come; if that fails, nothing is there. */
  put(path: string, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void>
  /** Writes the index with these entries, and makes all of it seen. */
  commit(entries: readonly Descriptor[]): Promise<void>
  close(): void
}

export const layoutWriter = (place: LayoutPlace): ArchiveWriter => {
  const entries: Descriptor[] = []
  const turns = new Turns()
  const put = (path: string, size: number, bytes: () => AsyncIterable<Uint8Array>): Promise<void> =>
    turns.take(async () => {
      if (!place.has(path)) await place.put(path, size, bytes())
    })
  return {
    name: place.name,
    image: (names) => new LayoutTarget(place, put, (document) => entries.push(...entriesFor(document, names))),
    commit: () => place.commit(entries),
    close: async () => place.close(),
  }
}

const entriesFor = ({ mediaType, digest, bytes }: Document, names: readonly string[]): Descriptor[] => {
  const descriptor = { mediaType, digest, size: bytes.length }
  return names.length === 0 ? [descriptor] : names.map((name) => ({ ...descriptor, annotations: { [IMAGE_NAME]: name, [REF_NAME]: name } }))
}

class LayoutTarget implements ImageTarget {
  readonly name: string
  readonly #place: LayoutPlace
  readonly #put: (path: string, size: number, bytes: () => AsyncIterable<Uint8Array>) => Promise<void>
  readonly #note: (document: Document) => void
  #named: Document | undefined

  constructor(
    place: LayoutPlace,
    put: (path: string, size: number, bytes: () => AsyncIterable<Uint8Array>) => Promise<void>,
    note: (document: Document) => void,
  ) {
    this.name = place.name
    this.#place = place
    this.#put = put
    this.#note = note
  }

  async hasBlob({ digest }: Descriptor): Promise<boolean> {
    return this.#place.has(layoutPath(digest))
  }

  putBlob(descriptor: Descriptor, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    return this.#put(layoutPath(descriptor.digest), descriptor.size, () => verified(open(), descriptor, this.name))
  }

  async putDocument(document: Document, named: boolean): Promise<void> {
    await this.#put(layoutPath(document.digest), document.bytes.length, () => once(document.bytes))
    if (named) this.#named = document
  }

  async commit(): Promise<void> {
    if (this.#named !== undefined) this.#note(this.#named)
  }

  async close(): Promise<void> {}
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

/** `oci-archive:` */
export const layoutInTar = (output: Output, temporary: string): LayoutPlace => {
  const tar = new TarWriter(output, temporary)
  const there = new Set<string>()
  let begun: Promise<void> | undefined
  return {
    name: output.name,
    has: (path) => there.has(path),
    put: async (path, size, bytes) => {
      begun ??= tar.file('oci-layout', MARKER)
      await begun
      await tar.stream(path, size, bytes)
      there.add(path)
    },
    commit: async (entries) => {
      begun ??= tar.file('oci-layout', MARKER)
      await begun
      await tar.file('index.json', formatIndex({ mediaType: OCI_INDEX, manifests: entries }))
      await tar.end()
      await output.commit()
    },
    close: () => output.close(),
  }
}
