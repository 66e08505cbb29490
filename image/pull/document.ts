/** From a name to the documents of the one image it stands for on a platform: index, manifest, config. Nothing is stored yet. */
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, type Digest, digestOf } from '../digest.ts'
import type { Document, ImageSource, ReadOptions } from '../source.ts'
import { parseImageConfig, requireSameLayers } from '../spec/config.ts'
import { parseDocument, parseManifest, requireImage } from '../spec/manifest.ts'
import { formatPlatform, runsOn, selectManifest } from '../spec/platform.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../spec/types.ts'
import type { Blobs } from '../store/types.ts'

export interface Resolved {
  /** What the name stands for. */
  readonly digest: Digest
  /** Of the manifest. */
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  /** Index (if there is one), manifest and config. */
  readonly documents: readonly { readonly digest: Digest; readonly bytes: Uint8Array }[]
}

export interface ResolveOptions extends ReadOptions {
  /** What the name stands for, if that is known. */
  readonly digest?: Digest
  readonly platform?: Platform
}

/** Documents that are there whole are not fetched. */
const stored = (blobs: Blobs, digest: Digest): Uint8Array | undefined => {
  try {
    return blobs.read(digest)
  } catch (error) {
    if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss')) return undefined
    throw error
  }
}

const checkSize = (bytes: Uint8Array, { digest, size }: Descriptor, what: string): void => {
  if (bytes.length !== size)
    throw new WherryError(
      'data-loss',
      `${what} ${digest}: it has ${bytes.length} bytes, and what refers to it says ${size}: the image is broken`,
    )
}

/** The named document; type and kind are found out by who parses it. */
const named = async (
  source: ImageSource,
  blobs: Blobs,
  { digest, signal }: ResolveOptions,
): Promise<Pick<Document, 'bytes' | 'digest'> & { mediaType?: string }> => {
  const there = digest === undefined ? undefined : stored(blobs, digest)
  // without a media type of its own it would have to be guessed
  if (digest !== undefined && there !== undefined && saysItsType(there)) return { bytes: there, digest }
  return source.document(digest, signal === undefined ? {} : { signal })
}

const saysItsType = (bytes: Uint8Array): boolean =>
  /"mediaType"\s*:\s*"application\/vnd\.(oci\.image\.(manifest|index)|docker\.distribution\.manifest)/.test(
    Buffer.from(bytes).toString('latin1'),
  )

const fetchConfig = async (
  source: ImageSource,
  blobs: Blobs,
  descriptor: Descriptor,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> => {
  const there = stored(blobs, descriptor.digest)
  if (there !== undefined) return there
  for (;;)
    try {
      return await readConfig(source, descriptor, signal)
    } catch (error) {
      const wrong = error instanceof WherryError && error.kind === 'data-loss'
      if (!wrong || source.distrust?.(descriptor.digest) !== true) throw error
    }
}

const readConfig = async (source: ImageSource, descriptor: Descriptor, signal: AbortSignal | undefined): Promise<Uint8Array> => {
  const { digest, size } = descriptor
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of source.blob(descriptor, signal === undefined ? {} : { signal })) {
    length += piece.length
    if (length > size) break
    // a source may use its buffers again
    pieces.push(Uint8Array.from(piece))
  }
  const bytes = Buffer.concat(pieces)
  const what = `${source.name}: config ${digest}`
  if (length !== size)
    throw new WherryError(
      'data-loss',
      `${what}: ${length > size ? 'more' : 'fewer'} bytes have come than the ${size} that the manifest says`,
    )
  const found = digestOf(bytes, algorithmOf(digest))
  if (found !== digest)
    throw new WherryError('data-loss', `${what}: its bytes have the digest ${found}: the registry, or what is between, has altered it`)
  return bytes
}

/**
 * Throws `not-found` (also: no image for the platform, listing what there is), `unsupported` (schema 1, nested indexes, artifacts, foreign
 * layers), `invalid-argument` (documents that are wrong), `data-loss`, and what the source does.
 */
export const resolve = async (source: ImageSource, blobs: Blobs, options: ResolveOptions): Promise<Resolved> => {
  const { platform, signal } = options
  const document = await named(source, blobs, options)
  const what = `${source.name}: manifest`
  const parsed = parseDocument(document, `${what} ${document.digest}`)
  const documents: { digest: Digest; bytes: Uint8Array }[] = [document]
  let descriptor: Descriptor
  let manifest: Manifest
  if (parsed.kind === 'index') {
    descriptor = selectManifest(parsed.index, platform, `${source.name}: index ${document.digest}`)
    const { digest, mediaType } = descriptor
    const bytes = stored(blobs, digest) ?? (await source.document(digest, signal === undefined ? {} : { signal })).bytes
    checkSize(bytes, descriptor, what)
    manifest = parseManifest({ bytes, mediaType }, `${what} ${digest}`)
    documents.push({ digest, bytes })
  } else {
    manifest = parsed.manifest
    descriptor = { mediaType: manifest.mediaType, digest: document.digest, size: document.bytes.length }
  }
  requireImage(manifest, `${what} ${descriptor.digest}`)
  const bytes = await fetchConfig(source, blobs, manifest.config, signal)
  documents.push({ digest: manifest.config.digest, bytes })
  const config = parseImageConfig(bytes, `${source.name}: config ${manifest.config.digest}`)
  requireSameLayers(manifest, config, `${what} ${descriptor.digest}`)
  // in an index its entry has been chosen by the platform
  if (parsed.kind === 'manifest' && platform !== undefined && !runsOn(config, platform))
    throw new WherryError(
      'not-found',
      `${source.name}: no image for ${formatPlatform(platform)}; there is one for ${formatPlatform(config)} and no other`,
    )
  return { digest: document.digest, descriptor, manifest, config, documents }
}
