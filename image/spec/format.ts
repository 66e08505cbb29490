/** Documents as bytes: what manifest.ts and config.ts read back as the same values, in the order of fields of Go’s encoders. */
import type { Descriptor, ImageConfig, Index, Manifest, Platform } from './types.ts'

const encode = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const platform = ({ os, architecture, variant, ...rest }: Platform): unknown => ({ architecture, os, ...rest, variant })

const descriptor = (one: Descriptor): unknown => ({
  mediaType: one.mediaType,
  digest: one.digest,
  size: one.size,
  urls: one.urls,
  annotations: one.annotations,
  data: one.data === undefined ? undefined : Buffer.from(one.data).toString('base64'),
  platform: one.platform === undefined ? undefined : platform(one.platform),
  artifactType: one.artifactType,
})

export const formatManifest = (manifest: Manifest): Uint8Array =>
  encode({
    schemaVersion: 2,
    mediaType: manifest.mediaType,
    artifactType: manifest.artifactType,
    config: descriptor(manifest.config),
    layers: manifest.layers.map(descriptor),
    subject: manifest.subject === undefined ? undefined : descriptor(manifest.subject),
    annotations: manifest.annotations,
  })

export const formatIndex = (index: Index): Uint8Array =>
  encode({
    schemaVersion: 2,
    mediaType: index.mediaType,
    artifactType: index.artifactType,
    manifests: index.manifests.map(descriptor),
    subject: index.subject === undefined ? undefined : descriptor(index.subject),
    annotations: index.annotations,
  })

/** Go’s `map[string]struct{}`. */
const set = (keys: readonly string[] | undefined): unknown =>
  keys === undefined ? undefined : Object.fromEntries(keys.map((key) => [key, {}]))

export const formatImageConfig = (image: ImageConfig): Uint8Array => {
  const { config } = image
  return encode({
    created: image.created,
    author: image.author,
    architecture: image.architecture,
    variant: image.variant,
    os: image.os,
    'os.version': image['os.version'],
    'os.features': image['os.features'],
    config: { ...config, ExposedPorts: set(config.ExposedPorts), Volumes: set(config.Volumes) },
    rootfs: { type: 'layers', diff_ids: image.rootfs.diff_ids },
    history: image.history,
  })
}
