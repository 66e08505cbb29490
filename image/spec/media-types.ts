/** Media types of image-spec media-types.md and of Docker’s schema 2, and what they say of a layer. */
import { WherryError } from '../../runtime/errors.ts'

export const OCI_INDEX = 'application/vnd.oci.image.index.v1+json'
export const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json'
export const OCI_CONFIG = 'application/vnd.oci.image.config.v1+json'
export const OCI_EMPTY = 'application/vnd.oci.empty.v1+json'
export const OCI_LAYER = 'application/vnd.oci.image.layer.v1.tar'
export const OCI_LAYER_GZIP = 'application/vnd.oci.image.layer.v1.tar+gzip'
export const OCI_LAYER_ZSTD = 'application/vnd.oci.image.layer.v1.tar+zstd'
export const DOCKER_INDEX = 'application/vnd.docker.distribution.manifest.list.v2+json'
export const DOCKER_MANIFEST = 'application/vnd.docker.distribution.manifest.v2+json'
export const DOCKER_CONFIG = 'application/vnd.docker.container.image.v1+json'
export const DOCKER_LAYER = 'application/vnd.docker.image.rootfs.diff.tar'
export const DOCKER_LAYER_GZIP = 'application/vnd.docker.image.rootfs.diff.tar.gzip'
export const DOCKER_LAYER_ZSTD = 'application/vnd.docker.image.rootfs.diff.tar.zstd'
const DOCKER_SCHEMA_1: readonly string[] = [
  'application/vnd.docker.distribution.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v1+prettyjws',
]

const MANIFESTS: readonly string[] = [OCI_MANIFEST, DOCKER_MANIFEST]
const INDEXES: readonly string[] = [OCI_INDEX, DOCKER_INDEX]

/** What a registry is asked for (the Accept header), best first. */
export const DOCUMENT_TYPES: readonly string[] = [OCI_INDEX, OCI_MANIFEST, DOCKER_INDEX, DOCKER_MANIFEST]

export const isManifestType = (mediaType: string): boolean => MANIFESTS.includes(mediaType)
export const isIndexType = (mediaType: string): boolean => INDEXES.includes(mediaType)
export const isSchema1Type = (mediaType: string): boolean => DOCKER_SCHEMA_1.includes(mediaType)
export const isConfigType = (mediaType: string): boolean => mediaType === OCI_CONFIG || mediaType === DOCKER_CONFIG

/** A Content-Type without its parameters, in lower case. */
export const bareType = (contentType: string): string => (contentType.split(';', 1)[0] ?? '').trim().toLowerCase()

export type Compression = 'none' | 'gzip' | 'zstd'

export interface LayerType {
  readonly compression: Compression
  /** Kept at `urls`, not in the registry: "foreign", "nondistributable". */
  readonly foreign: boolean
}

const COMPRESSIONS: Readonly<Record<string, Compression>> = { '': 'none', gzip: 'gzip', zstd: 'zstd' }
const OCI = /^application\/vnd\.oci\.image\.layer\.(nondistributable\.)?v1\.tar(?:\+([a-z0-9]+))?$/
const DOCKER = /^application\/vnd\.docker\.image\.rootfs\.(foreign\.)?diff\.tar(?:\.([a-z0-9]+))?$/

/** Undefined for what is no type of a layer that we can unpack. */
export const layerType = (mediaType: string): LayerType | undefined => {
  const [, foreign, suffix = ''] = OCI.exec(mediaType) ?? DOCKER.exec(mediaType) ?? ['', undefined, '?']
  const compression = Object.hasOwn(COMPRESSIONS, suffix) ? COMPRESSIONS[suffix] : undefined
  return compression === undefined ? undefined : { compression, foreign: foreign !== undefined }
}

/** Throws `unsupported`, saying why; `what` names the layer: `docker.io/library/x: layers[2]`. */
export const requireLayerType = (mediaType: string, what: string, options: { readonly foreign?: boolean } = {}): LayerType => {
  if (mediaType.endsWith('+encrypted'))
    throw new WherryError(
      'unsupported',
      `${what}: the layer is encrypted (${mediaType}); decrypt the image first, for example with skopeo copy`,
    )
  const type = layerType(mediaType)
  if (type === undefined) throw new WherryError('unsupported', `${what}: ${mediaType} is no layer of a root filesystem that wherry knows`)
  if (type.foreign && options.foreign !== true)
    throw new WherryError(
      'unsupported',
      `${what}: the layer is not in the registry but at a foreign address (${mediaType}), from which nothing is fetched`,
    )
  return type
}
