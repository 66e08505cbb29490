/** The OCI image-spec 1.1 documents, and what Docker’s schema 2 has of the same shape, as parsed: plain, checked values. */
import type { Digest } from '../digest.ts'

/** descriptor.md */
export interface Descriptor {
  readonly mediaType: string
  readonly digest: Digest
  /** Bytes. */
  readonly size: number
  readonly urls?: readonly string[]
  readonly annotations?: Readonly<Record<string, string>>
  /** The content itself, decoded. */
  readonly data?: Uint8Array
  readonly artifactType?: string
  readonly platform?: Platform
}

/** image-index.md, "platform"; the names are Go’s GOOS and GOARCH. */
export interface Platform {
  readonly os: string
  readonly architecture: string
  readonly variant?: string
  readonly 'os.version'?: string
  readonly 'os.features'?: readonly string[]
}

/** manifest.md */
export interface Manifest {
  readonly mediaType: string
  readonly config: Descriptor
  /** Lowest first. */
  readonly layers: readonly Descriptor[]
  readonly artifactType?: string
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** image-index.md */
export interface Index {
  readonly mediaType: string
  readonly manifests: readonly Descriptor[]
  readonly artifactType?: string
  readonly subject?: Descriptor
  readonly annotations?: Readonly<Record<string, string>>
}

/** config.md, "history" */
export interface History {
  readonly created?: string
  readonly created_by?: string
  readonly author?: string
  readonly comment?: string
  readonly empty_layer?: boolean
}

/** Docker’s addition to config.md; times are nanoseconds. */
export interface Healthcheck {
  readonly Test?: readonly string[]
  readonly Interval?: number
  readonly Timeout?: number
  readonly StartPeriod?: number
  readonly StartInterval?: number
  readonly Retries?: number
}

/** config.md, "config": what a container of the image starts with. */
export interface ContainerConfig {
  readonly User?: string
  readonly ExposedPorts?: readonly string[]
  readonly Env?: readonly string[]
  readonly Entrypoint?: readonly string[]
  readonly Cmd?: readonly string[]
  readonly Volumes?: readonly string[]
  readonly WorkingDir?: string
  readonly Labels?: Readonly<Record<string, string>>
  readonly StopSignal?: string
  readonly Healthcheck?: Healthcheck
  readonly Shell?: readonly string[]
  readonly OnBuild?: readonly string[]
}

/** config.md */
export interface ImageConfig extends Platform {
  readonly created?: string
  readonly author?: string
  readonly config: ContainerConfig
  readonly rootfs: {
    /** Digests of the uncompressed layers, lowest first. */
    readonly diff_ids: readonly Digest[]
  }
  readonly history: readonly History[]
}
