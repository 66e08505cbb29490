/** A root file system as a tar archive, made an image of one layer: the layer is the archive as it is, compressed or not. */
import { closeSync, fstatSync, openSync, statSync } from 'node:fs'
import fetch from 'node-fetch'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { createHash } from 'node:crypto'
import { type Digest, digestFrom, digestOf } from '../digest.ts'
import { entryReader } from '../layer/entries.ts'
import { Inflate } from '../layer/inflate.ts'
import { DEFAULT_LIMITS, type LayerLimits, limitExceeded } from '../layer/limits.ts'
import type { BlobOptions, Document, ImageSource } from '../source.ts'
import { parseImageConfig } from '../spec/config.ts'
import { formatImageConfig, formatManifest } from '../spec/format.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from '../spec/media-types.ts'
import { hostPlatform } from '../spec/platform.ts'
import type { Descriptor, Platform } from '../spec/types.ts'
import { applyChanges } from './change.ts'
import { spoolBytes } from './open-archive.ts'
import { MAGIC_BYTES, packingOfBytes } from './packing.ts'
import { readRange, streamRange, streamToEnd } from './read-range.ts'

export interface ImportOptions {
  /** Folder on whose file system temporary files are made: the store’s. */
  readonly temporary: string
  /** Instructions of a Dockerfile (change.ts). */
  readonly changes?: readonly string[]
  /** The comment in the history. */
  readonly message?: string
  /** Default: this machine’s. */
  readonly platform?: Platform
  /** Default: now. */
  readonly created?: Date
  readonly limits?: LayerLimits
  readonly signal?: AbortSignal
}

interface Opened {
  readonly fd: number
  readonly size: number
  readonly name: string
}

const MEDIA_TYPES = { none: OCI_LAYER, gzip: OCI_LAYER_GZIP, zstd: OCI_LAYER_ZSTD } as const

/** `where`: a path, an http or https URL, or a descriptor (standard input), which is not closed. Close the source when it has been copied. */
export const importSource = async (where: string | number, options: ImportOptions): Promise<ImageSource> => {
  const opened = await open(where, options)
  try {
    const layer = await measure(opened, options)
    const { variant, ...platform } = options.platform ?? hostPlatform()
    const created = (options.created ?? new Date()).toISOString()
    const comment = options.message ?? `Imported from ${typeof where === 'number' ? '-' : redacted(where)}`
    const config = formatImageConfig({
      created,
      ...platform,
      ...(variant === undefined ? {} : { variant }),
      config: applyChanges({}, options.changes ?? []),
      rootfs: { diff_ids: [layer.diffID] },
      history: [{ created, comment }],
    })
    // what changes have put there is held to the same rules as what others put into their images
    parseImageConfig(config, `${opened.name}: config`)
    const descriptor = { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length }
    const manifest = formatManifest({ mediaType: OCI_MANIFEST, config: descriptor, layers: [layer.descriptor] })
    return new ImportedSource(opened, layer.descriptor, config, { mediaType: OCI_MANIFEST, digest: digestOf(manifest), bytes: manifest })
  } catch (error) {
    closeSync(opened.fd)
    throw error
  }
}

const isUrl = (where: string): boolean => /^https?:\/\//i.test(where)

/** Without what could be a secret in it. */
const redacted = (where: string): string => {
  if (!isUrl(where)) return where
  const url = new URL(where)
  return `${url.origin}${url.pathname}`
}

const open = async (where: string | number, options: ImportOptions): Promise<Opened> => {
  if (typeof where === 'string' && isUrl(where)) return download(where, options)
  const name = typeof where === 'string' ? where : 'standard input'
  if (typeof where === 'number') return { name, ...(await spoolBytes(streamToEnd(where, options.signal), options)) }
  const fd = openFile(where)
  const stat = fstatSync(fd)
  if (stat.isFile()) return { fd, size: stat.size, name }
  try {
    return { name, ...(await spoolBytes(streamToEnd(fd, options.signal), options)) }
  } finally {
    closeSync(fd)
  }
}

const openFile = (path: string): number => {
  try {
    if (statSync(path).isDirectory())
      throw new WherryError('invalid-argument', `${path}: is a folder; import takes a tar archive: tar -C ${path} -c . | … import -`)
    return openSync(path, 'r')
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) throw new WherryError('not-found', `${path}: there is no such file`, { cause })
    if (isErrno(cause, 'EACCES')) throw new WherryError('permission-denied', `${path}: cannot be read`, { cause })
    throw cause
  }
}

const download = async (url: string, options: ImportOptions): Promise<Opened> => {
  const name = redacted(url)
  const response = await fetch(url, options.signal === undefined ? {} : { signal: options.signal as never }).catch((cause: unknown) => {
    throw new WherryError(
      'unavailable',
      `${name}: cannot be fetched: ${cause instanceof Error && 'code' in cause ? String(cause.code) : 'no answer'}`,
      { cause },
    )
  })
  if (!response.ok || response.body === null) {
    response.body?.resume?.()
    throw new WherryError(
      response.status === 404 ? 'not-found' : 'unavailable',
      `${name}: the server answers ${response.status} ${response.statusText}`,
    )
  }
  return { name, ...(await spoolBytes(response.body as AsyncIterable<Uint8Array>, options)) }
}

interface Measured {
  readonly descriptor: Descriptor
  readonly diffID: Digest
}

/** Both digests, and whether it is a layer at all. */
const measure = async ({ fd, size, name }: Opened, options: ImportOptions): Promise<Measured> => {
  const limits = options.limits ?? DEFAULT_LIMITS
  const packing = packingOfBytes(readRange(fd, { offset: 0, length: Math.min(size, MAGIC_BYTES) }, name))
  if (packing === 'bzip2' || packing === 'xz')
    throw new WherryError(
      'unsupported',
      `${name}: is compressed with ${packing}; gzip and zstd are supported: ${packing} -dc ${name} | … import -`,
    )
  const mediaType = MEDIA_TYPES[packing]
  const packed = createHash('sha256')
  const unpacked = createHash('sha256')
  let entries = 0
  const reader = entryReader(limits, () => {
    entries++
    return undefined
  })
  let came = 0
  const inflate = new Inflate(mediaType, (bytes) => {
    came += bytes.length
    if (came > limits.bytes) throw limitExceeded(limits, 'bytes')
    unpacked.update(bytes)
    reader.push(bytes)
  })
  try {
    for await (const chunk of streamRange(fd, { offset: 0, length: size }, name, options.signal)) {
      packed.update(chunk)
      await inflate.pushAside(chunk)
    }
    inflate.end()
    reader.end()
  } catch (error) {
    if (error instanceof WherryError)
      throw new WherryError(error.kind, `${name}: ${error.message.replace(/^layer: /, '')}`, { cause: error })
    throw error
  } finally {
    inflate.close()
  }
  if (entries === 0) throw new WherryError('invalid-argument', `${name}: there is nothing in the archive`)
  return { descriptor: { mediaType, digest: digestFrom('sha256', packed), size }, diffID: digestFrom('sha256', unpacked) }
}

class ImportedSource implements ImageSource {
  readonly name: string
  readonly #opened: Opened
  readonly #layer: Descriptor
  readonly #config: Uint8Array
  readonly #document: Document
  #open = true

  constructor(opened: Opened, layer: Descriptor, config: Uint8Array, document: Document) {
    this.name = opened.name
    this.#opened = opened
    this.#layer = layer
    this.#config = config
    this.#document = document
  }

  async document(digest?: Digest): Promise<Document> {
    if (digest !== undefined && digest !== this.#document.digest)
      throw new WherryError('not-found', `${this.name}: has no manifest ${digest}`)
    return this.#document
  }

  async *blob({ digest }: Descriptor, { offset = 0, signal }: BlobOptions = {}): AsyncGenerator<Uint8Array> {
    if (digest === digestOf(this.#config)) {
      yield this.#config.subarray(offset)
      return
    }
    if (digest !== this.#layer.digest) throw new WherryError('not-found', `${this.name}: has no blob ${digest}`)
    yield* streamRange(this.#opened.fd, { offset, length: this.#layer.size - offset }, this.name, signal)
  }

  async close(): Promise<void> {
    if (this.#open) closeSync(this.#opened.fd)
    this.#open = false
  }
}
