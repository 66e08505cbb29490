import type { LayerLimits } from '../image/layer/limits.ts'
import type { Limits } from '../image/registry/options.ts'

/** How the server was started: cli/wherry/cri.ts fills it from flags, environment and the configuration file. */
export interface CriConfig {
  /** Of wherry, as Version says it. */
  readonly version: string
  /** Folder of what outlives the boot, absolute: the store; the server's own is below <root>/cri. */
  readonly root: string
  /** Folder of what dies with the boot, absolute: the server's own is below <runRoot>/cri. */
  readonly runRoot: string
  /** unix socket, absolute. */
  readonly socket: string
  readonly cgroupDriver: 'cgroupfs' | 'systemd'
  /** Folder of network configurations, folders of plugins. */
  readonly cniConfig: string
  readonly cniPlugins: readonly string[]
  /** A Go template of a conflist that UpdateRuntimeConfig fills with the pod CIDR; absent: none is written. */
  readonly cniTemplate?: string
  /** Host and port of the streaming server; port 0: any free one. */
  readonly streamAddress: string
  readonly streamPort: number
  /** Names of images that RemoveImage and kubelet's collection leave alone. */
  readonly pinnedImages: readonly string[]
  /** Pulls at a time. */
  readonly parallelPulls: number
  /** oom_score_adj below what the server has is raised to that instead of being refused: for nodes without CAP_SYS_RESOURCE. */
  readonly restrictOomScoreAdj: boolean
  /** What pulling and unpacking may cost; what is absent is as usual. */
  readonly registryLimits?: Partial<Limits>
  readonly layerLimits?: Partial<LayerLimits>
  /** Blobs of one image that are downloaded at a time. */
  readonly downloads?: number
}
