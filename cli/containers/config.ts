/** What a container is: written when it is made, and again when it is changed by update or rename. */
import type { Digest } from '../../image/digest.ts'
import type { ContainerRequest, HealthRequest } from './request.ts'

/** <root>/containers/<id>/config.json */
export interface ContainerConfig {
  readonly version: 1
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly name: string
  /** RFC 3339 with nanoseconds, UTC. */
  readonly created: string
  /** All mounts are in it: those of the image's volumes too, and every volume has its name. */
  readonly request: ContainerRequest
  /** Absent with --rootfs. */
  readonly image?: ContainerImage
  /** Those that are mounted in it, by what the request calls them. */
  readonly mountedImages?: Readonly<Record<string, ContainerImage>>
  readonly process: ResolvedProcess
  /** Names of volumes that were made for it and have no name of their own; they go with it by rm -v and --rm. */
  readonly anonymousVolumes: readonly string[]
  /** Shown by ps and inspect, nothing is decided by them: they may be the image's. */
  readonly labels: Readonly<Record<string, string>>
}

export interface ContainerImage {
  /** As it is listed; an id where it had none. */
  readonly name: string
  /** Of the image's config: its id. */
  readonly id: Digest
  /** Of the manifest, or of the index that it was found in. */
  readonly digest: Digest
  /** Keys of the layers in the store, the lowest first. */
  readonly layers: readonly string[]
}

/** What the request and the image's config come to. */
export interface ResolvedProcess {
  readonly args: readonly string[]
  readonly env: readonly string[]
  readonly cwd: string
  /** As it is asked for; looked up in the root filesystem at every start. */
  readonly user: string
  /** Number. */
  readonly stopSignal: number
  /** Of the image's config: volumes that the user had no mount for. request.mounts has them. */
  readonly volumes: readonly string[]
  /** `80/tcp`: the image's and --expose. */
  readonly exposed: readonly string[]
  readonly health?: ResolvedHealth
}

export interface ResolvedHealth extends Required<Omit<HealthRequest, 'disabled' | 'command'>> {
  /** argv */
  readonly command: readonly string[]
}

/** <root>/containers/<id>/state.json: what has become of it; survives the boot. What runs now the keeper and the engine know. */
export interface ContainerState {
  readonly version: 1
  /** `created` until it was started first; `started`: it runs, or nobody has cleaned up behind it yet. */
  readonly phase: 'created' | 'started' | 'exited' | 'removing'
  /** boot_id of the machine when it was started: what a `started` container of another boot was is over. */
  readonly boot?: string
  /** RFC 3339 with nanoseconds. */
  readonly started?: string
  readonly finished?: string
  /** 128 + n for a signal. */
  readonly exitCode?: number
  readonly oomKilled?: boolean
  /** Why it could not be started the last time. */
  readonly error?: string
  /** Starts by the restart policy since somebody started it. */
  readonly restarts: number
  /** The user stopped it: unless-stopped leaves it alone, and the policy does not start it again. */
  readonly stoppedByUser: boolean
  /** It was stopped because the machine ends: the policy starts it when the machine has started, and not before. */
  readonly suspended?: true
  /** The next start by the policy, RFC 3339. */
  readonly restartAt?: string
  /** Milliseconds that the policy waited for before its last start. */
  readonly backoff?: number
  readonly health?: HealthState
}

export interface HealthState {
  readonly status: 'starting' | 'healthy' | 'unhealthy'
  readonly failures: number
  /** The last five. */
  readonly log: readonly { readonly start: string; readonly end: string; readonly exitCode: number; readonly output: string }[]
}
