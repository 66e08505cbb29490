/** Images made in this process, for tests: layers from lists of entries, manifests, indexes, and OCI layouts of them on disk. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { promisify } from 'node:util'
import { gzip, zstdCompress } from 'node:zlib'
import { pack } from 'tar-stream'
import { algorithmOf, type Digest, digestOf, encodedOf } from '../../image/digest.ts'
import type { Document } from '../../image/source.ts'
import type { Descriptor, Platform } from '../../image/spec/types.ts'

export type Flavour = 'oci' | 'docker'
export type Compression = 'none' | 'gzip' | 'zstd'

export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_LIST = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'

const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'

/** One entry of a layer; without `type` it is a file, or a folder if its name ends in a slash. */
export interface TarEntry {
  readonly name: string
  readonly type?: 'file' | 'directory' | 'symlink' | 'link' | 'character-device' | 'block-device' | 'fifo'
  readonly mode?: number
  readonly uid?: number
  readonly gid?: number
  /** Seconds since 1970; default 1,700,000,000. For parts of seconds: `pax: { mtime: '1700000000.123456789' }`. */
  readonly mtime?: number
  readonly content?: string | Uint8Array
  readonly linkname?: string
  readonly devmajor?: number
  readonly devminor?: number
  /** Records of a pax header: `{ 'SCHILY.xattr.user.x': 'y' }`. */
  readonly pax?: Readonly<Record<string, string>>
}

/** The entries as a tar archive, in their order. */
export const tarOf = async (entries: readonly TarEntry[]): Promise<Buffer> => {
  const archive = pack()
  const chunks: Buffer[] = []
  const done = (async () => {
    for await (const chunk of archive) chunks.push(chunk as Buffer)
  })()
  for (const entry of entries) {
    const type = entry.type ?? (entry.name.endsWith('/') ? 'directory' : 'file')
    const header: Parameters<typeof archive.entry>[0] = {
      name: entry.name,
      type,
      mode: entry.mode ?? (type === 'directory' ? 0o755 : 0o644),
      uid: entry.uid ?? 0,
      gid: entry.gid ?? 0,
      mtime: new Date((entry.mtime ?? 1_700_000_000) * 1000),
      ...(entry.linkname === undefined ? {} : { linkname: entry.linkname }),
      ...(entry.devmajor === undefined ? {} : { devmajor: entry.devmajor }),
      ...(entry.devminor === undefined ? {} : { devminor: entry.devminor }),
      ...(entry.pax === undefined ? {} : { pax: entry.pax }),
    }
    if (type === 'file') archive.entry(header, Buffer.from((entry.content ?? '') as Uint8Array))
    else archive.entry(header)
  }
  archive.finalize()
  await done
  return Buffer.concat(chunks)
}

export interface TestBlob {
  readonly descriptor: Descriptor
  readonly bytes: Buffer
}

export interface TestLayer extends TestBlob {
  readonly diffID: Digest
  readonly tar: Buffer
}

export interface LayerOptions {
  /** Default gzip. */
  readonly compression?: Compression
  /** Default oci. */
  readonly flavour?: Flavour
  /** Instead of that of compression and flavour. */
  readonly mediaType?: string
}

export const compressed = async (bytes: Uint8Array, compression: Compression): Promise<Buffer> =>
  compression === 'gzip'
    ? promisify(gzip)(bytes, { level: 1 })
    : compression === 'zstd'
      ? promisify(zstdCompress)(bytes)
      : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)

export const blobOf = (bytes: Uint8Array | string, mediaType: string): TestBlob => {
  const buffer = typeof bytes === 'string' ? Buffer.from(bytes) : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  return { descriptor: { mediaType, digest: digestOf(buffer), size: buffer.length }, bytes: buffer }
}

const layerType = (flavour: Flavour, compression: Compression): string =>
  flavour === 'oci'
    ? `${OCI_LAYER}${compression === 'none' ? '' : `+${compression}`}`
    : `${DOCKER_LAYER}${compression === 'none' ? '' : `.${compression}`}`

/** A layer of entries, or of the bytes of a tar archive (which may be garbage). */
export const layerOf = async (content: readonly TarEntry[] | Uint8Array, options: LayerOptions = {}): Promise<TestLayer> => {
  const { compression = 'gzip', flavour = 'oci' } = options
  const tar = content instanceof Uint8Array ? Buffer.from(content.buffer, content.byteOffset, content.byteLength) : await tarOf(content)
  const bytes = await compressed(tar, compression)
  return { ...blobOf(bytes, options.mediaType ?? layerType(flavour, compression)), diffID: digestOf(tar), tar }
}

/** Something that has a document for a name, and the blobs that it refers to, directly or through other documents. */
export interface TestContent {
  readonly document: Document
  /** The document, and those it refers to. */
  readonly documents: readonly Document[]
  readonly blobs: readonly TestBlob[]
}

export interface TestImage extends TestContent {
  readonly config: TestBlob
  readonly layers: readonly TestLayer[]
  readonly platform: Platform
  /** Of the manifest, as an index has it. */
  readonly descriptor: Descriptor
}

export const documentOf = (value: object, mediaType: string): Document => {
  const bytes = Buffer.from(JSON.stringify(value))
  return { mediaType, digest: digestOf(bytes), bytes }
}

export const descriptorOf = ({ mediaType, digest, bytes }: Document): Descriptor => ({ mediaType, digest, size: bytes.length })

const HOST: Platform = { os: 'linux', architecture: process.arch === 'x64' ? 'amd64' : process.arch }

export interface ImageOptions {
  readonly layers: readonly (TestLayer | readonly TarEntry[])[]
  /** How layers given as entries are compressed; default gzip. */
  readonly compression?: Compression
  readonly flavour?: Flavour
  /** Default: this machine's. */
  readonly platform?: Platform
  /** The `config` of the config: Env, Cmd … */
  readonly config?: Readonly<Record<string, unknown>>
  /** Default: one entry per layer. */
  readonly history?: readonly Readonly<Record<string, unknown>>[]
  /** Further fields of the config document. */
  readonly rest?: Readonly<Record<string, unknown>>
  readonly annotations?: Readonly<Record<string, string>>
  /** Instead of the digests of the layers' archives. */
  readonly diffIDs?: readonly string[]
  /** Further fields of the manifest; they replace what it has. */
  readonly manifest?: Readonly<Record<string, unknown>>
}

/** An image of one platform; layers lowest first. */
export const imageOf = async (options: ImageOptions): Promise<TestImage> => {
  const { flavour = 'oci', platform = HOST, compression = 'gzip' } = options
  const layers = await Promise.all(
    options.layers.map((layer) => ('descriptor' in layer ? layer : layerOf(layer, { compression, flavour }))),
  )
  const config = blobOf(
    JSON.stringify({
      created: '2024-01-02T03:04:05Z',
      ...platform,
      config: options.config ?? { Cmd: ['/bin/sh'], Env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin'] },
      rootfs: { type: 'layers', diff_ids: options.diffIDs ?? layers.map(({ diffID }) => diffID) },
      history: options.history ?? layers.map((_, at) => ({ created: '2024-01-02T03:04:05Z', created_by: `step ${at + 1}` })),
      ...options.rest,
    }),
    flavour === 'oci' ? OCI_CONFIG : DOCKER_CONFIG,
  )
  const mediaType = flavour === 'oci' ? OCI_MANIFEST : DOCKER_MANIFEST
  const document = documentOf(
    {
      schemaVersion: 2,
      mediaType,
      config: config.descriptor,
      layers: layers.map(({ descriptor }) => descriptor),
      ...(options.annotations === undefined ? {} : { annotations: options.annotations }),
      ...options.manifest,
    },
    mediaType,
  )
  return {
    document,
    documents: [document],
    blobs: [config, ...layers],
    config,
    layers,
    platform,
    descriptor: { ...descriptorOf(document), platform },
  }
}

export interface TestIndex extends TestContent {
  readonly images: readonly TestImage[]
}

/** An index (docker: a manifest list) of images of several platforms. `fields` are added to it, or replace what it has. */
export const indexOf = (
  images: readonly TestImage[],
  { flavour = 'oci', fields = {} }: { readonly flavour?: Flavour; readonly fields?: Readonly<Record<string, unknown>> } = {},
): TestIndex => {
  const mediaType = flavour === 'oci' ? OCI_INDEX : DOCKER_LIST
  const document = documentOf({ schemaVersion: 2, mediaType, manifests: images.map(({ descriptor }) => descriptor), ...fields }, mediaType)
  return {
    document,
    documents: [document, ...images.flatMap(({ documents }) => documents)],
    blobs: images.flatMap(({ blobs }) => blobs),
    images,
  }
}

/** Bytes that no compression makes smaller, the same for the same seed. */
export const noise = (length: number, seed = 1): Buffer => {
  const bytes = Buffer.alloc(length)
  let state = (seed * 2_654_435_761) >>> 0 || 1
  for (let at = 0; at < length; at++) {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    bytes[at] = state & 255
  }
  return bytes
}

/** Writes an OCI image layout into the folder, which need not exist: `skopeo inspect oci:FOLDER:NAME` reads it. */
export const writeLayout = (folder: string, named: Readonly<Record<string, TestContent>>): void => {
  mkdirSync(`${folder}/blobs/sha256`, { recursive: true })
  const put = (digest: Digest, bytes: Uint8Array): void =>
    writeFileSync(`${folder}/blobs/${algorithmOf(digest)}/${encodedOf(digest)}`, bytes)
  for (const content of Object.values(named)) {
    for (const { descriptor, bytes } of content.blobs) put(descriptor.digest, bytes)
    for (const { digest, bytes } of content.documents) put(digest, bytes)
  }
  writeFileSync(`${folder}/oci-layout`, JSON.stringify({ imageLayoutVersion: '1.0.0' }))
  const manifests = Object.entries(named).map(([name, { document }]) => ({
    ...descriptorOf(document),
    annotations: { 'org.opencontainers.image.ref.name': name },
  }))
  writeFileSync(`${folder}/index.json`, JSON.stringify({ schemaVersion: 2, manifests }))
}
