/**
 * What is written down of sandboxes and containers. Documents are JSON, whole at all times (temporary, fsync, rename), version 1:
 *
 *   <root>/cri/sandboxes/<id>/sandbox.json       SandboxRecord
 *   <root>/cri/containers/<id>/container.json    ContainerRecord; beside it upper, work, spool
 *   <runRoot>/cri/…                              what dies with the boot: keepers, bundles, the engine's state
 *
 * A record is written before what it names is made, and removed after that is gone: whoever finds it adopts or undoes.
 */
import type { Mappings } from '../../runtime/container/idmap.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import type { ContainerConfig, PodSandboxConfig } from '../api/api_pb.js'

/** CLOCK_REALTIME in nanoseconds; in documents a decimal string. */
export type Nanoseconds = bigint

/**
 * `making`: RunPodSandbox is under way; found without its server it is undone. `ready`. `stopped`: its namespaces are gone, or are to go:
 * by StopPodSandbox, because its holder ended, or with the machine. `removing`: RemovePodSandbox has begun.
 */
export type SandboxPhase = 'making' | 'ready' | 'stopped' | 'removing'

export interface Sandbox {
  readonly version: 1
  /** 64 hexadecimal digits. */
  readonly id: string
  readonly config: PodSandboxConfig
  readonly runtimeHandler: string
  readonly created: Nanoseconds
  readonly phase: SandboxPhase
  /** Boot id of the last run: of another boot nothing is left but what is on disk and at CNI plugins. */
  readonly boot: string
  /** The process that holds its namespaces, a container of the engine with the sandbox’s id. */
  readonly init?: ProcessId
  /** Path of the network namespace below /run/netns; absent with the node’s network. Written before the namespace is made. */
  readonly netns?: string
  /** Of the pod, without prefix lengths, the first one is the one that counts; empty with the node’s network. */
  readonly addresses: readonly string[]
  /** Of its user namespace, if it has one of its own. */
  readonly mappings?: Mappings
}

/**
 * `making`: CreateContainer is under way. `created`: its init waits for StartContainer. `removing`: RemoveContainer has begun.
 */
export type ContainerPhase = 'making' | 'created' | 'running' | 'exited' | 'removing'

/** The image a container was made of: what keeps counting when its name moves on. */
export interface ContainerImage {
  /** Digest of its config: the id that ListImages says. */
  readonly id: string
  /** `repository@digest`, else the id: ContainerStatus.image_ref. */
  readonly ref: string
  /** Keys of its layers in the store, the lowest first. */
  readonly layers: readonly string[]
}

export interface Container {
  readonly version: 1
  readonly id: string
  readonly sandbox: string
  readonly config: ContainerConfig
  readonly image: ContainerImage
  readonly created: Nanoseconds
  readonly phase: ContainerPhase
  readonly boot: string
  readonly init?: ProcessId
  readonly started?: Nanoseconds
  readonly finished?: Nanoseconds
  readonly exitCode?: number
  /** ContainerStatus.reason: Completed, Error, OOMKilled, StartError, ContainerStatusUnknown. */
  readonly reason?: string
  readonly message?: string
  /** Of the process as it was looked up: ContainerStatus.user. */
  readonly user?: { readonly uid: number; readonly gid: number; readonly supplementalGroups: readonly number[] }
  /** Of config or image; absent: SIGTERM. */
  readonly stopSignal?: number
  /** Its command is not found or cannot be invoked, which StartContainer is to tell: created, it has no init. */
  readonly startError?: string
  /** Absolute path of its log: the sandbox’s log_directory joined with log_path. Absent: no log. */
  readonly logPath?: string
}

/** Sandboxes or containers: all of them in memory, each on disk. Ids may be given as unique prefixes. */
export interface Table<T extends { readonly id: string }> {
  /** The full id: undefined if there is none. */
  get(id: string): T | undefined
  /** An id or a unique prefix of one. Throws `not-found`, `invalid-argument` naming the candidates of an ambiguous one. */
  find(text: string): T
  /** As find, for idempotent calls: undefined if there is none. */
  tryFind(text: string): T | undefined
  list(): readonly T[]
  /** Writes it down, then it counts. */
  put(record: T, options?: { readonly durable?: boolean }): void
  /** As put of what it is now with these fields otherwise; undefined values take a field away. Throws `not-found`. */
  change(id: string, fields: { readonly [K in keyof T]?: T[K] | undefined }): T
  /**
   * As change, of what the next server would find out by itself: that something has ended, or is to. Where the disk cannot take it now it
   * counts all the same, since what is stopped and removed is what makes room.
   */
  note(id: string, fields: { readonly [K in keyof T]?: T[K] | undefined }): T
  /** Resolves when its record would outlive a power cut, without keeping others waiting. */
  flush(id: string): Promise<void>
  /** Deletes record and folder. Idempotent. */
  remove(id: string): Promise<void>
  /** Runs `work` as the only one who changes this object; waits for its turn, not longer than the signal lets it. */
  locked<R>(id: string, work: () => R | Promise<R>, signal?: AbortSignal): Promise<R>
  /** Folder of its documents, durable. */
  folder(id: string): string
  /** Folder of this boot. */
  run(id: string): string
}
