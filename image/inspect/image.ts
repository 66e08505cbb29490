/** An image to be looked at, with its layers as feeders: of the store, unpacked or not, or still in a registry or an archive. */
import { createHash } from 'node:crypto'
import { closeSync, createReadStream } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { errnoName } from '../../runtime/sys/abi/errno.ts'
import {
  AT_FDCWD,
  O_CLOEXEC,
  O_NONBLOCK,
  O_PATH,
  O_RDONLY,
  OPEN_HOW,
  RESOLVE_BENEATH,
  RESOLVE_NO_SYMLINKS,
} from '../../runtime/sys/abi/fcntl.ts'
import { syscall, trySyscall } from '../../runtime/sys/syscall.ts'
import { collect, verified } from '../archive/verified.ts'
import { storeSource } from '../archive/store-source.ts'
import type { Digest } from '../digest.ts'
import { encodeBytes } from '../layer/bytes.ts'
import type { Document, ImageSource } from '../source.ts'
import { parseImageConfig, requireSameLayers } from '../spec/config.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import { parseDocument, parseManifest, requireImage } from '../spec/manifest.ts'
import { selectManifest } from '../spec/platform.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../spec/types.ts'
import { layerIdentities } from '../store/chain-id.ts'
import type { Layer, LayerIdentity, Store, StoredImage } from '../store/types.ts'
import type { DiffLayer } from './diff.ts'
import { feedBlob, type FeedOptions } from './feed.ts'
import type { LayerTree } from './layer-tree.ts'
import { walkLayer } from './walk.ts'

export interface InspectedLayer extends DiffLayer {
  readonly descriptor: Descriptor
  readonly diffID: Digest
  readonly chainID: Digest
  /** The unpacked folder, where there is one. */
  readonly root?: string
  /** Bytes of its files, where it is unpacked. */
  readonly unpackedSize?: number
}

export interface InspectedImage {
  /** As messages name it. */
  readonly name: string
  /** Digest of the config. */
  readonly id: Digest
  readonly manifestDescriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  /** The config’s bytes: it may have more than the types know. */
  readonly configBytes: Uint8Array
  /** Lowest first. */
  readonly layers: readonly InspectedLayer[]
}

export interface InspectOptions {
  /** Of an index; default: this machine’s. */
  readonly platform?: Platform
  readonly signal?: AbortSignal
}

/** Reads documents and config; layers are read when they are fed, one after the other, and not kept. The source stays open. */
export const imageOfSource = async (source: ImageSource, options: InspectOptions = {}): Promise<InspectedImage> => {
  const { document, manifest } = await manifestOf(source, options)
  const what = `${source.name}: config ${manifest.config.digest}`
  const configBytes = await collect(verified(source.blob(manifest.config), manifest.config, source.name), LARGEST_DOCUMENT, what)
  const config = parseImageConfig(configBytes, what)
  requireSameLayers(manifest, config, source.name)
  const identities = layerIdentities(config.rootfs.diff_ids)
  return {
    name: source.name,
    id: manifest.config.digest,
    manifestDescriptor: { mediaType: document.mediaType, digest: document.digest, size: document.bytes.length },
    manifest,
    config,
    configBytes,
    layers: manifest.layers.map((descriptor, index) => streamedLayer(source, descriptor, identities[index]!)),
  }
}

const manifestOf = async (source: ImageSource, options: InspectOptions): Promise<{ document: Document; manifest: Manifest }> => {
  const reading = options.signal === undefined ? {} : { signal: options.signal }
  let document = await source.document(undefined, reading)
  const parsed = parseDocument(document, `${source.name}: manifest ${document.digest}`)
  if (parsed.kind === 'index') document = await source.document(selectManifest(parsed.index, options.platform, source.name).digest, reading)
  const what = `${source.name}: manifest ${document.digest}`
  const manifest = parsed.kind === 'manifest' ? parsed.manifest : parseManifest(document, what)
  requireImage(manifest, what)
  return { document, manifest }
}

const streamedLayer = (source: ImageSource, descriptor: Descriptor, { diffID, chainID }: LayerIdentity): InspectedLayer => ({
  key: diffID,
  descriptor,
  diffID,
  chainID,
  feed: (tree, layer, options) => {
    const bytes = verified(source.blob(descriptor, options.signal === undefined ? {} : { signal: options.signal }), descriptor, source.name)
    return feedBlob(tree, layer, { name: `${source.name}: layer ${descriptor.digest}`, mediaType: descriptor.mediaType, bytes }, options)
  },
})

/** Unpacked layers are walked; of the others the blobs are read. */
export const imageOfStore = async (store: Store, image: StoredImage): Promise<InspectedImage> => {
  const streamed = await imageOfSource(storeSource(store, image))
  const layers = streamed.layers.map((layer) => {
    const unpacked = store.layers.find(layer)
    return unpacked === undefined ? layer : unpackedLayer(layer, unpacked)
  })
  return { ...streamed, layers }
}

const unpackedLayer = (layer: InspectedLayer, { root, facts }: Layer): InspectedLayer => ({
  unpackedSize: facts.size,
  key: layer.key,
  descriptor: layer.descriptor,
  diffID: layer.diffID,
  chainID: layer.chainID,
  root,
  feed: async (tree: LayerTree, index: number, options: FeedOptions) =>
    walkLayer(tree, index, { root, implied: facts.implied, links: facts.links }, options),
  hash: (path) => hashFile(root, path),
})

const how = (): Uint8Array => {
  const bytes = Buffer.alloc(OPEN_HOW.size)
  bytes.writeBigUInt64LE(BigInt(O_RDONLY | O_CLOEXEC | O_NONBLOCK), OPEN_HOW.flags)
  bytes.writeBigUInt64LE(BigInt(RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS), OPEN_HOW.resolve)
  return bytes
}

/** A file of the layer, never what a link in it leads to. */
export const openBeneath = (root: string, path: string): number => {
  const folder = syscall('openat', [AT_FDCWD, root, O_PATH | O_CLOEXEC, 0])
  try {
    const name = Buffer.concat([encodeBytes(path), Buffer.alloc(1)])
    const fd = trySyscall('openat2', folder, name, how(), OPEN_HOW.size)
    if (fd < 0)
      throw new WherryError('data-loss', `${root}: opening ${JSON.stringify(path)}: ${errnoName(-fd)}: run wherry system check --repair`)
    return fd
  } finally {
    closeSync(folder)
  }
}

const hashFile = async (root: string, path: string): Promise<Uint8Array> => {
  const hash = createHash('sha256')
  const stream = createReadStream('', { fd: openBeneath(root, path), highWaterMark: 256 * 1024 })
  for await (const chunk of stream) hash.update(chunk as Uint8Array)
  return hash.digest()
}
