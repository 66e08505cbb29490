/** commit: an image of what a container has become: its image’s layers, and what it has written as one more. */
import { closeSync } from 'node:fs'
import { applyChanges } from '../../../image/archive/change.ts'
import { readRange, streamRange } from '../../../image/archive/read-range.ts'
import { type Digest, digestOf } from '../../../image/digest.ts'
import type { BlobOptions, Document, ImageSource } from '../../../image/source.ts'
import { parseImageConfig } from '../../../image/spec/config.ts'
import { formatImageConfig, formatManifest } from '../../../image/spec/format.ts'
import { parseDocument } from '../../../image/spec/manifest.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from '../../../image/spec/media-types.ts'
import type { ContainerConfig as Process, Descriptor, ImageConfig, Manifest } from '../../../image/spec/types.ts'
import type { Store } from '../../../image/store/types.ts'
import { pause, resume } from '../../../runtime/container/pause.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { SIGNALS, signalName } from '../../../runtime/sys/abi/signal.ts'
import type { ContainerConfig } from '../config.ts'
import type { OnSkip } from '../copy/item.ts'
import { type Home, leaseOwner } from '../home.ts'
import { statusOf } from '../status.ts'
import type { Container } from '../store.ts'
import { type LayerBlob, makeLayerBlob } from './layer-blob.ts'
import { requireLayers } from './layer-folder.ts'

export interface CommitOptions {
  readonly author?: string
  readonly message?: string
  /** Instructions of a Dockerfile. */
  readonly changes: readonly string[]
  /** Processes of the container stand still meanwhile: what is written is of one moment. */
  readonly pause: boolean
  readonly signal: AbortSignal
  readonly onSkip: OnSkip
}

interface Base {
  readonly manifest: Manifest
  readonly config: ImageConfig
}

/** The image that it was made of: it is kept for as long as the container is there, whatever its names stand for now. */
const baseOf = (store: Store, { id, name, image }: ContainerConfig): Base => {
  const kept = store.kept().find(({ owner }) => owner === leaseOwner(id))?.digests ?? []
  const listed = store.images
    .list()
    .flatMap(({ id: found, manifest }) => (found === image!.id && manifest !== undefined ? [manifest.digest] : []))
  for (const digest of [...listed, ...kept]) {
    const manifest = manifestAt(store, digest)
    if (manifest?.config.digest === image!.id)
      return { manifest, config: parseImageConfig(store.blobs.read(image!.id), `image ${image!.name}`) }
  }
  throw new WherryError(
    'data-loss',
    `container ${name}: the manifest of its image ${image!.name} is not in the store: wherry system check --repair`,
  )
}

/** Documents are no larger than this; layers mostly are. */
const LARGEST = 4 * 1024 * 1024
const OPENING = '{'.charCodeAt(0)

/** Undefined for whatever else the digest stands for. */
const manifestAt = (store: Store, digest: Digest): Manifest | undefined => {
  const size = store.blobs.size(digest)
  if (size === undefined || size === 0 || size > LARGEST) return undefined
  const fd = store.blobs.open(digest)
  try {
    if (readRange(fd, { offset: 0, length: 1 }, digest)[0] !== OPENING) return undefined
  } finally {
    closeSync(fd)
  }
  try {
    const parsed = parseDocument({ bytes: store.blobs.read(digest) }, digest)
    return parsed.kind === 'manifest' ? parsed.manifest : undefined
  } catch (error) {
    if (error instanceof WherryError && error.kind === 'invalid-argument') return undefined
    throw error
  }
}

const mergedEnv = (image: readonly string[], request: ContainerConfig['request']['env']): string[] => {
  const all = new Map(image.map((entry) => [entry.split('=', 1)[0]!, entry]))
  for (const [name, value] of request)
    if (value === undefined) all.delete(name)
    else all.set(name, `${name}=${value}`)
  return [...all.values()]
}

/** What the container was started with, put where the image has it. */
const processOf = (base: Process, { request, process: { exposed, stopSignal } }: ContainerConfig): Process => {
  const env = mergedEnv(base.Env ?? [], request.env)
  const labels = { ...base.Labels, ...request.labels }
  const ports = [...new Set([...(base.ExposedPorts ?? []), ...exposed])]
  const { Entrypoint, Cmd, ...rest } = base
  const signal = stopSignal === SIGNALS.SIGTERM ? undefined : signalName(stopSignal)
  const entrypoint = request.entrypoint ?? Entrypoint
  const command = request.command.length > 0 ? request.command : request.entrypoint === undefined ? Cmd : undefined
  return {
    ...rest,
    ...(entrypoint === undefined || entrypoint.length === 0 ? {} : { Entrypoint: entrypoint }),
    ...(command === undefined ? {} : { Cmd: command }),
    ...(env.length === 0 ? {} : { Env: env }),
    ...(Object.keys(labels).length === 0 ? {} : { Labels: labels }),
    ...(ports.length === 0 ? {} : { ExposedPorts: ports }),
    ...(request.user === undefined ? {} : { User: request.user }),
    ...(request.workdir === undefined ? {} : { WorkingDir: request.workdir }),
    ...(signal === undefined ? {} : { StopSignal: signal }),
  }
}

/** Docker’s layers in a manifest of OCI’s: the same bytes, another word. */
const asOci = (layer: Descriptor): Descriptor => {
  const { mediaType } = layer
  if (!mediaType.startsWith('application/vnd.docker.')) return layer
  return { ...layer, mediaType: mediaType.endsWith('.gzip') ? OCI_LAYER_GZIP : mediaType.endsWith('.zstd') ? OCI_LAYER_ZSTD : OCI_LAYER }
}

interface Documents {
  readonly config: Uint8Array
  readonly manifest: Uint8Array
}

const describe = (base: Base, container: ContainerConfig, layer: LayerBlob, { author, message, changes }: CommitOptions): Documents => {
  const created = new Date().toISOString()
  const entry = {
    created,
    created_by: container.process.args.join(' '),
    ...(author === undefined ? {} : { author }),
    ...(message === undefined ? {} : { comment: message }),
  }
  const { author: _, ...inherited } = base.config
  const config = formatImageConfig({
    ...inherited,
    created,
    ...(author === undefined ? {} : { author }),
    config: applyChanges(processOf(base.config.config, container), changes),
    rootfs: { diff_ids: [...base.config.rootfs.diff_ids, layer.diffID] },
    history: [...base.config.history, entry],
  })
  // what changes have put there is held to the same rules as what others put into their images
  parseImageConfig(config, `image of container ${container.name}`)
  const descriptor = { mediaType: OCI_CONFIG, digest: digestOf(config), size: config.length }
  const layers = [...base.manifest.layers.map(asOci), layer.descriptor]
  return { config, manifest: formatManifest({ mediaType: OCI_MANIFEST, config: descriptor, layers }) }
}

const sourceOf = (store: Store, name: string, layer: LayerBlob, { config, manifest }: Documents): ImageSource => {
  const configDigest = digestOf(config)
  const document: Document = { mediaType: OCI_MANIFEST, digest: digestOf(manifest), bytes: manifest }
  let open = true
  return {
    name,
    document: async () => document,
    async *blob({ digest, size }: Descriptor, { offset = 0, signal }: BlobOptions = {}) {
      if (digest === configDigest) yield config.subarray(offset)
      else if (digest === layer.descriptor.digest) yield* streamRange(layer.fd, { offset, length: size - offset }, name, signal)
      else {
        const fd = store.blobs.open(digest)
        try {
          yield* streamRange(fd, { offset, length: size - offset }, name, signal)
        } finally {
          closeSync(fd)
        }
      }
    },
    close: async () => {
      if (open) closeSync(layer.fd)
      open = false
    },
  }
}

/** Stands still while `work` is done, if it runs. */
const paused = async <T>(home: Home, container: Container, wanted: boolean, work: () => Promise<T>): Promise<T> => {
  if (!wanted || (await statusOf(home, container)) !== 'running') return work()
  await pause(home.engine, container.id)
  try {
    return await work()
  } finally {
    await resume(home.engine, container.id)
  }
}

/** The image as a source that it can be pulled from into the store; close it then. Throws `failed-precondition` for a container without an image. */
export const commitSource = async (home: Home, store: Store, container: Container, options: CommitOptions): Promise<ImageSource> => {
  const { config } = container
  requireLayers(config, 'there is no image that a layer could be put upon')
  const base = baseOf(store, config)
  const { signal, onSkip } = options
  const layer = await paused(home, container, options.pause, () => makeLayerBlob(home, config, { temporary: store.root, signal, onSkip }))
  try {
    return sourceOf(store, `container ${config.name}`, layer, describe(base, config, layer, options))
  } catch (error) {
    closeSync(layer.fd)
    throw error
  }
}
