/**
 * The Linux parts of the OCI runtime-spec 1.2 as `parseSpec` gives them: the field names are those of config.json, values are checked,
 * and null and the empty string are absent. Numbers that need all of their 64 bits are `bigint` (write them with
 * `stringifyJson`, JSON.stringify refuses them).
 */
import type { Linux, LinuxIDMapping } from './types-linux.ts'
import type { Process } from './types-process.ts'

export type * from './types-linux.ts'
export type * from './types-process.ts'
export type * from './types-resources.ts'
export type * from './types-seccomp.ts'

export interface Root {
  /** Absolute in what `parseSpec` gives; in config.json it may be relative to the bundle. */
  readonly path: string
  readonly readonly?: boolean | undefined
}

export interface Mount {
  /** Absolute, inside the container. */
  readonly destination: string
  readonly type?: string | undefined
  /** Absolute for bind mounts in what `parseSpec` gives. */
  readonly source?: string | undefined
  /** fstab style; mount-options.ts reads them. */
  readonly options?: readonly string[] | undefined
  /** Of an idmapped mount; both or neither. */
  readonly uidMappings?: readonly LinuxIDMapping[] | undefined
  readonly gidMappings?: readonly LinuxIDMapping[] | undefined
}

export interface Hook {
  /** Absolute. */
  readonly path: string
  /** As execve(2): the first is argv[0]. */
  readonly args?: readonly string[] | undefined
  readonly env?: readonly string[] | undefined
  /** Seconds, above 0. */
  readonly timeout?: number | undefined
}

/** runtime-spec 1.2, config.md "POSIX-platform Hooks". */
export type HookName = 'prestart' | 'createRuntime' | 'createContainer' | 'startContainer' | 'poststart' | 'poststop'

export type Hooks = Readonly<Partial<Record<HookName, readonly Hook[] | undefined>>>

export interface Spec {
  readonly ociVersion: string
  readonly root: Root
  readonly process: Process
  readonly hostname?: string | undefined
  readonly domainname?: string | undefined
  readonly mounts?: readonly Mount[] | undefined
  readonly hooks?: Hooks | undefined
  readonly annotations?: Readonly<Record<string, string>> | undefined
  /** Empty if config.json has none. */
  readonly linux: Linux
}

/** runtime-spec 1.2, runtime.md "State": what `state` prints and hooks get on stdin (`paused` is no word of the spec, but of all runtimes). */
export interface State {
  readonly ociVersion: string
  readonly id: string
  readonly status: 'creating' | 'created' | 'running' | 'paused' | 'stopped'
  /** As seen by the runtime; absent when stopped. */
  readonly pid?: number | undefined
  /** Absolute. */
  readonly bundle: string
  readonly annotations?: Readonly<Record<string, string>> | undefined
}

/** runtime-spec 1.2, config-linux.md "The Container Process State": goes to seccomp's listenerPath along with the descriptors. */
export interface ContainerProcessState {
  readonly ociVersion: string
  /** Names of the descriptors, in their order: `seccompFd`. */
  readonly fds: readonly string[]
  readonly pid: number
  readonly metadata?: string | undefined
  readonly state: State
}
