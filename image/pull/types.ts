/** What pulling takes, tells and gives. */
import type { Digest } from '../digest.ts'
import type { LayerLimits } from '../layer/limits.ts'
import type { Reference } from '../reference.ts'
import type { Descriptor, ImageConfig, Manifest, Platform } from '../spec/types.ts'
import type { Layer } from '../store/types.ts'

/**
 * waiting: for its turn. shared: another pull, of this process or another, brings it. downloading: its bytes come, and are unpacked as they
 * come if a core is free. unpacking: all bytes are there. exists: it was there already. done.
 */
export type LayerState = 'waiting' | 'shared' | 'downloading' | 'unpacking' | 'exists' | 'done'

export interface PullProgress {
  /** Of the layer’s blob. */
  readonly layer: Digest
  /** Its place in the manifest, lowest first. */
  readonly index: number
  readonly state: LayerState
  /** Of the blob: that have come, or, while unpacking, that have been unpacked. */
  readonly bytes: number
  readonly total: number
}

export interface UnpackOptions {
  readonly signal?: AbortSignal
  /** Called often: for each piece of each layer. */
  readonly onProgress?: (progress: PullProgress) => void
  /** Missing ones are the defaults. */
  readonly limits?: Partial<LayerLimits>
  /** Blobs that are downloaded at a time, those that are being unpacked included; default 4. */
  readonly downloads?: number
}

export interface PullOptions extends UnpackOptions {
  /** What the image is to be called in the store; with a digest its tag is of no account. Undefined: it stays without a name. */
  readonly reference?: Reference
  /** Default: the best for this machine; an image that is for one platform alone is then taken whatever that is. */
  readonly platform?: Platform
}

export interface PulledImage {
  /** Digest of the config. */
  readonly id: Digest
  /** What the name stood for where it was pulled from: digest of the index or manifest. */
  readonly digest: Digest
  /** Canonical; undefined for one without a name. */
  readonly name?: string
  readonly platform: Platform
  /** Of the platform’s manifest. */
  readonly descriptor: Descriptor
  readonly manifest: Manifest
  readonly config: ImageConfig
  /** Lowest first. */
  readonly layers: readonly Layer[]
  /** False: under this name the store had this image already, with all that belongs to it. */
  readonly fresh: boolean
}
