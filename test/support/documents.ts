/** Manifests, indexes and configs as tests write them down. */
import { digestOf } from '../../image/digest.ts'
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from '../../image/spec/media-types.ts'

export type Json = { [key: string]: unknown }

export const bytesOf = (value: unknown): Uint8Array => new TextEncoder().encode(typeof value === 'string' ? value : JSON.stringify(value))

export const descriptorOf = (content: string, mediaType: string = OCI_LAYER_GZIP): Json => ({
  mediaType,
  digest: digestOf(Buffer.from(content)),
  size: content.length,
})

export const manifestJson = (change: Json = {}): Json => ({
  schemaVersion: 2,
  mediaType: OCI_MANIFEST,
  config: descriptorOf('config', OCI_CONFIG),
  layers: [descriptorOf('one'), descriptorOf('two')],
  ...change,
})

export const indexJson = (
  platforms: readonly (Json | undefined)[] = [{ os: 'linux', architecture: 'amd64' }],
  change: Json = {},
): Json => ({
  schemaVersion: 2,
  mediaType: OCI_INDEX,
  manifests: platforms.map((platform, index) => ({
    ...descriptorOf(`manifest ${index}`, OCI_MANIFEST),
    ...(platform === undefined ? {} : { platform }),
  })),
  ...change,
})

export const configJson = (config: Json = {}, change: Json = {}): Json => ({
  architecture: 'amd64',
  os: 'linux',
  config,
  rootfs: { type: 'layers', diff_ids: [digestOf(Buffer.from('diff one')), digestOf(Buffer.from('diff two'))] },
  history: [{ created_by: '/bin/sh -c #(nop)\tCMD' }, { created_by: 'ENV', empty_layer: true }],
  ...change,
})
