/** cgroups(7) as the engine sees them: what is remembered about a container's cgroup, and what can be done with it. */
import type { LinuxResources } from '../spec/types.ts'
import type { Stats } from './stats/types.ts'

/** Who makes the directories: this program, or systemd on its behalf. */
export type CgroupDriver = 'cgroupfs' | 'systemd'

/** `v2`: the unified hierarchy alone; `v1`: one hierarchy per controller; `hybrid`: v1 with a unified hierarchy beside it. */
export type CgroupLayout = 'v1' | 'hybrid' | 'v2'

/** Everything that is needed to open a cgroup again; part of state.json. */
export interface CgroupRecord {
  readonly driver: CgroupDriver
  readonly layout: CgroupLayout
  /**
   * Absolute directory per hierarchy. The key is '' for the unified hierarchy, else the v1 controller (`memory`) or the
   * name of a hierarchy without one (`name=systemd`). Co-mounted controllers have equal directories. Empty where an
   * unprivileged caller was given no cgroup at all.
   */
  readonly paths: Readonly<Record<string, string>>
  /** Missing permissions are tolerated where nothing was asked for. */
  readonly rootless: boolean
  /** The transient unit and the slice it is in: driver systemd only. */
  readonly unit?: string
  readonly slice?: string
}

export interface CgroupOptions {
  /** Container id: names the cgroup where `cgroupsPath` does not. */
  readonly id: string
  /** linux.cgroupsPath; with `systemd` of the form `slice:prefix:name`. */
  readonly cgroupsPath?: string | undefined
  readonly systemd: boolean
  /** The caller has no power over the host's cgroups beyond what was delegated to it. */
  readonly rootless: boolean
  /** Annotations of the config: `org.systemd.property.NAME` are passed on to systemd. */
  readonly annotations?: Readonly<Record<string, string>> | undefined
  /** The cgroup is to belong to this host uid (cgroups(7), "Delegation"): for a writable cgroup mount in a user namespace. */
  readonly ownerUid?: number | undefined
  /** One line for the log. */
  readonly warn: (message: string) => void
}

/** Paths of sub-cgroups below the container's: by controller on v1, with '' for all of them and for v2. */
export type SubCgroups = Readonly<Record<string, string>>

/**
 * A process enters a cgroup best by itself. The kernel then needs no lock over all processes of the machine (0.03 ms a hierarchy
 * instead of 5 to 20 ms in all).
 */
export interface Entrance {
  /** Directory for CLONE_INTO_CGROUP, clone(2), in the unified hierarchy if there is one. EBUSY: see Cgroup.join(). */
  readonly into: string | undefined
  /**
   * Files `tasks` of v1 hierarchies. A process with a single thread writes "0" to each; descriptors may be opened by the parent,
   * whose rights count. cgroup namespaces are unshared after it.
   */
  readonly tasks: readonly string[]
}

/** A container's cgroup: one directory in each hierarchy. Errors are SyscallError of a file operation, or WherryError. */
export interface Cgroup {
  /** What is planned until create() and attach() are back, what is there afterwards. */
  readonly record: CgroupRecord
  /**
   * Makes the directories and sets all limits and device rules, before init exists. With systemd it only checks, because
   * a scope cannot be without processes: attach() makes it. A cgroup that has processes or is frozen is refused
   * (failed-precondition). After a failure nothing that this call made is left.
   */
  create(resources: LinuxResources | undefined): Promise<void>
  /**
   * How a new process gets into the cgroup, or into sub-cgroups of it that exist, without a wait. Undefined where there is
   * nothing to get into yet: with systemd before attach().
   */
  entrance(sub?: SubCgroups): Entrance | undefined
  /**
   * Puts process `pid` into the cgroup in all hierarchies; with systemd it starts the scope and waits for it. Moving another
   * process makes the kernel wait for all CPUs (5 to 20 ms): entrance() does without.
   */
  attach(pid: number): Promise<void>
  /** Sets what `resources` names and leaves the rest; device rules only where `devices` is there. Undone if it fails half-way. */
  update(resources: LinuxResources): Promise<void>
  /** Directories of the cgroup, or of sub-cgroups of it that exist, each once; a process is in all of them. */
  directories(sub?: SubCgroups): readonly string[]
  /**
   * Puts `pid` into directories(sub). Where v2 refuses because the container enabled controllers below (EBUSY) and no
   * sub-cgroup was asked for, it goes where process `init` is.
   */
  join(pid: number, options?: { readonly sub?: SubCgroups; readonly init?: number }): void
  /** Waits until every process is stopped, cgroup.freeze or freezer.state; thaws again and throws if it takes over ten seconds. */
  freeze(): Promise<void>
  thaw(): Promise<void>
  /** Frozen itself, whatever its ancestors are. False where it does not exist. */
  readonly frozen: boolean
  /** Process ids, as seen in our pid namespace; with those of sub-cgroups unless `recursive` is false. None where it does not exist. */
  processes(options?: { readonly recursive: boolean }): readonly number[]
  /** Sends `signal` to every process, once, while none of them can fork; frozen processes get a SIGKILL too. */
  signal(signal: number): Promise<void>
  /** SIGKILL to every process, until none is left that has not been signalled; does not wait for their end. */
  kill(): Promise<void>
  stats(): Stats
  /** How many processes were ended by the OOM killer in this cgroup; 0 without a memory controller. */
  oomKills(): number
  /** Removes the cgroup and its sub-cgroups. Does nothing where it is gone; waits up to a second for processes that are about to end. */
  destroy(): Promise<void>
  exists(): boolean
}
