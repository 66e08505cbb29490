/** Copies an image from wherever it is to wherever it is to be. Documents keep their bytes, so that digests stay. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import type { Document, ImageSource, ImageTarget } from '../source.ts'
import { parseDocument } from '../spec/manifest.ts'
import { isConfigType, layerType } from '../spec/media-types.ts'
import { selectManifest } from '../spec/platform.ts'
import type { Descriptor, Platform } from '../spec/types.ts'

export interface CopyProgress {
  readonly descriptor: Descriptor
  /** `there`: nothing has to be sent. `sent` may be less than before when a try begins again. */
  readonly state: 'there' | 'sending' | 'done'
  readonly sent: number
}

export interface CopyOptions {
  /** Of an index: the image of this platform alone. Without it all of them. */
  readonly platform?: Platform
  /** Blobs at once; default 3. */
  readonly jobs?: number
  readonly signal?: AbortSignal
  readonly onProgress?: (progress: CopyProgress) => void
}

export interface Copied {
  /** Of the document that the target’s name stands for now. */
  readonly digest: Digest
  readonly mediaType: string
  readonly size: number
}

/** The target is committed, not closed. */
export const copyImage = async (source: ImageSource, target: ImageTarget, options: CopyOptions = {}): Promise<Copied> => {
  const { signal } = options
  const reading = signal === undefined ? {} : { signal }
  const named = await pick(source, await source.document(undefined, reading), options)
  await copyDocument(source, target, named, true, options)
  await target.commit()
  return { digest: named.digest, mediaType: named.mediaType, size: named.bytes.length }
}

const pick = async (source: ImageSource, document: Document, { platform, signal }: CopyOptions): Promise<Document> => {
  const parsed = parseDocument(document, `${source.name}: manifest ${document.digest}`)
  if (parsed.kind === 'manifest' || platform === undefined) return document
  return source.document(selectManifest(parsed.index, platform, source.name).digest, signal === undefined ? {} : { signal })
}

const copyDocument = async (
  source: ImageSource,
  target: ImageTarget,
  document: Document,
  named: boolean,
  options: CopyOptions,
): Promise<void> => {
  const { signal } = options
  const reading = signal === undefined ? {} : { signal }
  const what = `${source.name}: manifest ${document.digest}`
  const parsed = parseDocument(document, what)
  if (parsed.kind === 'index') {
    if (!named) throw new WherryError('unsupported', `${what}: is an index in an index, which is not supported`)
    for (const { digest } of parsed.index.manifests)
      await copyDocument(source, target, await source.document(digest, reading), false, options)
  } else {
    const { config, layers } = parsed.manifest
    // the config first: who writes an archive may want to know what the layers are
    await copyBlobs(source, target, [config], options)
    await copyBlobs(source, target, layers.filter(isSent), options)
  }
  await target.putDocument(document, named, reading)
}

/** Foreign layers stay where their licence keeps them. */
const isSent = ({ mediaType }: Descriptor): boolean => isConfigType(mediaType) || layerType(mediaType)?.foreign !== true

const copyBlobs = async (source: ImageSource, target: ImageTarget, blobs: readonly Descriptor[], options: CopyOptions): Promise<void> => {
  const unique = [...new Map(blobs.map((blob) => [blob.digest, blob])).values()]
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal])
  const next = unique.values()
  const work = async (): Promise<void> => {
    for (const blob of next) await copyBlob(source, target, blob, { ...options, signal })
  }
  const workers = Array.from({ length: Math.min(options.jobs ?? 3, unique.length) }, async () => {
    try {
      await work()
    } catch (error) {
      abort.abort(error)
      throw error
    }
  })
  const results = await Promise.allSettled(workers)
  const failed = results.find((result) => result.status === 'rejected')
  // the others failed because the first one did
  if (failed !== undefined) throw abort.signal.reason ?? failed.reason
}

const copyBlob = async (
  source: ImageSource,
  target: ImageTarget,
  descriptor: Descriptor,
  { signal, onProgress }: CopyOptions & { readonly signal: AbortSignal },
): Promise<void> => {
  signal.throwIfAborted()
  if (await target.hasBlob(descriptor, { signal })) {
    onProgress?.({ descriptor, state: 'there', sent: descriptor.size })
    return
  }
  async function* bytes(): AsyncGenerator<Uint8Array> {
    let sent = 0
    onProgress?.({ descriptor, state: 'sending', sent })
    for await (const chunk of source.blob(descriptor, { signal })) {
      yield chunk
      sent += chunk.length
      onProgress?.({ descriptor, state: 'sending', sent })
    }
  }
  await target.putBlob(descriptor, bytes, { signal })
  onProgress?.({ descriptor, state: 'done', sent: descriptor.size })
}
