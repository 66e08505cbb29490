/** The image that a text names, wherever it is, as an ImageSource. */
import type { BlobOptions, Document, ImageSource, ReadOptions } from '../source.ts'
import type { Digest } from '../digest.ts'
import { canonical, parseReference, type Reference } from '../reference.ts'
import type { Descriptor } from '../spec/types.ts'
import { type Archive, type ArchivedImage, chooseImage } from './archive.ts'
import { type ArchiveFormat, openArchive, type OpenArchiveOptions } from './open-archive.ts'
import { type Location, parseTransport } from './transport.ts'

const FORMATS: Readonly<Record<Exclude<Location['transport'], 'docker'>, ArchiveFormat>> = {
  oci: 'oci-dir',
  dir: 'docker-dir',
  'docker-archive': 'docker-archive',
  'oci-archive': 'oci-archive',
}

export interface OpenSourceOptions extends Omit<OpenArchiveOptions, 'format'> {
  /** Opens what is in a registry. */
  readonly registry: (reference: Reference) => ImageSource | Promise<ImageSource>
}

export interface OpenedSource {
  readonly source: ImageSource
  /** Canonical references that the place has for it; of a registry, the one asked for. */
  readonly names: readonly string[]
}

/** Closes the archive with the source. */
class SourceOfArchive implements ImageSource {
  readonly #source: ImageSource
  readonly #archive: Archive

  constructor(archive: Archive, image: ArchivedImage) {
    this.#archive = archive
    this.#source = image.source()
  }

  get name(): string {
    return this.#source.name
  }

  document(digest?: Digest, options?: ReadOptions): Promise<Document> {
    return this.#source.document(digest, options)
  }

  blob(descriptor: Descriptor, options?: BlobOptions): AsyncIterable<Uint8Array> {
    return this.#source.blob(descriptor, options)
  }

  async close(): Promise<void> {
    this.#archive.close()
  }
}

/** `text`: a reference, or a transport with what it takes (transport.ts). */
export const openSource = async (text: string, options: OpenSourceOptions): Promise<OpenedSource> => {
  const location = parseTransport(text)
  if (location === undefined || location.transport === 'docker') {
    const reference = parseReference(location?.path ?? text)
    return { source: await options.registry(reference), names: [canonical(reference)] }
  }
  const archive = await openArchive(location.path, { ...options, format: FORMATS[location.transport] })
  try {
    const image = chooseImage(archive, location.image)
    return { source: new SourceOfArchive(archive, image), names: image.names }
  } catch (error) {
    archive.close()
    throw error
  }
}
