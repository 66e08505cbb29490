/** The engine's lifecycle as its callers see it: plain values in, plain values out. One file per verb beside this one. */
import type { CgroupRecord } from '../cgroups/types.ts'
import type { Rootfs } from '../rootfs/types.ts'
import type { Process, Spec } from '../spec/types.ts'

/** Where state lives and how cgroups are driven; the same for all verbs of one caller. */
export interface Engine {
  /** Folder of the state of this boot, 0700: /run/wherry-oci, rootless $XDG_RUNTIME_DIR/wherry-oci. */
  readonly root: string
  readonly systemdCgroup: boolean
  /** Missing permissions on cgroups are tolerated where nothing was asked for; undefined: for all but root of the first user namespace. */
  readonly rootless?: boolean | undefined
  /** One line for the log: things the user should know and that are no error. */
  readonly warn: (message: string) => void
  /** What is of use to who looks for a fault. */
  readonly debug?: (message: string) => void
}

/** runtime-spec 1.2, "State". */
export type Status = 'creating' | 'created' | 'running' | 'paused' | 'stopped'

/** A process that a reused pid cannot impersonate: field 22 of /proc/PID/stat (clock ticks since boot), proc_pid_stat(5). */
export interface ProcessId {
  readonly pid: number
  readonly startTime: number
}

/** state.json: written whole (temporary, fsync, rename). What only the kernel knows (status) is not in it. */
export interface ContainerRecord {
  readonly version: 1
  readonly id: string
  /** The runtime-spec version of the config. */
  readonly ociVersion: string
  /** Absolute. */
  readonly bundle: string
  readonly rootfs: string
  /** RFC 3339 with nanoseconds, UTC. */
  readonly created: string
  /** Name or uid of who created it, for `list`. */
  readonly owner: string
  readonly annotations: Readonly<Record<string, string>>
  /** Absent until init exists (status `creating`). */
  readonly init?: ProcessId
  /** Its config has no hooks: it need not be read for them. */
  readonly hookless?: true
  readonly cgroup: CgroupRecord
  /** The cgroup is made and its processes are ours: before that somebody else's may be there. */
  readonly entered?: true
  /** Its deletion has begun and is to be completed. */
  readonly deleting?: true
}

export interface ContainerState extends ContainerRecord {
  readonly status: Status
}

/** A terminal's master is sent, with SCM_RIGHTS, to a listening unix socket (`path`) or over a connected one (`fd`). */
export type Console = { readonly socket: string } | { readonly fd: number }

export interface CreateOptions {
  readonly id: string
  /** Absolute where `spec` is given. */
  readonly bundle: string
  /** In the place of the bundle's config.json, which need not be there. */
  readonly spec?: Spec
  /**
   * The root filesystem in the place of the folder root.path, which must be there all the same: the container's mount namespace has
   * it there for hooks, and records name it. A descriptor stays the caller's. An overlay that is described is made here, or, for
   * a caller who may not mount, by the container's init; ids are shifted to the container's user namespace.
   */
  readonly rootfs?: Rootfs
  /**
   * Detached mounts of the caller's, by index in `mounts` of the config, attached in the place of what a bind mount names as its source:
   * what was looked at is what is mounted. The descriptors stay the caller's; negative ones stand for them in `explain`.
   */
  readonly mountSources?: ReadonlyMap<number, number>
  readonly console?: Console
  readonly pidFile?: string
  /** A unix socket that gets a pidfd of init with SCM_RIGHTS. */
  readonly pidfdSocket?: string
  readonly noPivot: boolean
  readonly noNewKeyring: boolean
  /** The first process is a program of ours that passes signals on and reaps what is left over; the container's process is its child. */
  readonly reaper?: boolean
  /** Nothing is executed: init runs once it is created, holds its namespaces, and reaps as the first of its pid namespace. `start` is not for it. */
  readonly holder?: boolean
  /** How many descriptors from 3 on are sockets that the container is told of, sd_listen_fds(3). */
  readonly listenFds?: number
  /** How many descriptors after those the container inherits besides 0–2. */
  readonly preserveFds: number
  /** The container gets a socket to say on that it is ready, sd_notify(3). `start` listens on it. */
  readonly notify?: boolean
}

export interface ExecOptions {
  readonly id: string
  readonly process: Process
  /** The container's config, if the caller has read it (specOf): it takes as long as a fifth of an exec. */
  readonly spec?: Spec
  readonly console?: Console
  readonly pidFile?: string
  readonly pidfdSocket?: string
  readonly preserveFds: number
  /** Path of a sub-cgroup below the container's, per controller (v1) or '' (v2); runc exec --cgroup. */
  readonly cgroups: Readonly<Record<string, string>>
  readonly ignorePaused: boolean
  /** Called when all is there but the process itself: nothing has come of it yet. `pid`: what is to become the process. */
  readonly ready?: (pid: number) => void | Promise<void>
}
