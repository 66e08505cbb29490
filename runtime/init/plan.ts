/**
 * What the compiler of a container needs: plain values, found out beforehand by the parent (container/prepare.ts). Compiling
 * asks the system nothing, so that a plan can be printed without being carried out.
 * Descriptors are numbers in the program (Descriptors).
 */
import type { OverlayPlan } from '../rootfs/emit.ts'
import type { Program } from '../program/assembler.ts'
import type { LinuxNamespaceType, Process, Spec } from '../spec/types.ts'
import type { Arch } from '../sys/abi/syscalls.ts'

export interface CapabilityMasks {
  readonly bounding: bigint
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
  readonly ambient: bigint
  /** Highest capability the kernel knows. */
  readonly last: number
}

export interface SeccompPlan {
  /** Array of struct sock_filter. */
  readonly filter: Uint8Array
  /** SECCOMP_FILTER_FLAG_* */
  readonly flags: number
  /** A connected socket that gets the notification descriptor; the text to go with it comes over the channel. */
  readonly listener: number | undefined
}

export interface Join {
  readonly type: LinuxNamespaceType
  readonly fd: number
}

/** A v1 hierarchy as the container's cgroup mount shows it. */
export interface CgroupHierarchy {
  /** Folder below the mount: `cpu,cpuacct`, `systemd`. */
  readonly name: string
  /** Mount data of the hierarchy: `cpu,cpuacct`, `none,name=systemd`. */
  readonly data: string
  /** Other names of it, made as symbolic links: `cpu`. */
  readonly links: readonly string[]
  /** The container's folder in the host's mount, for containers without a cgroup namespace. */
  readonly source: string
}

export interface CgroupMountPlan {
  readonly layout: 'v1' | 'v2'
  readonly hierarchies: readonly CgroupHierarchy[]
}

/** Entries of a folder that a tmpcopyup mount starts with, in an order in which they can be made. */
export interface CopyEntry {
  /** Relative to the folder; '' is the folder itself. */
  readonly path: string
  readonly mode: number
  readonly uid: number
  readonly gid: number
  readonly size: number
  readonly rdev: number
  /** Target of a symbolic link. */
  readonly link?: string
}

export interface MountPlan {
  /** Below the root: a destination that spells out the path of the root on the host is meant without it. */
  readonly destination: string
  /** Where the target is to be made if it is missing: the destination with the links of the image followed, beneath the root. */
  readonly target: string
  /** The target is there already, in the image or by an earlier mount. */
  readonly expected: boolean
  /** The source lies in the root filesystem and may be covered by an earlier mount: its path below the root. */
  readonly inside?: string
  /** The source is this mount, which is detached. */
  readonly given?: number
  /** Permission bits of the folder that a tmpfs without a mode of its own covers. */
  readonly mode?: number
  /** Of a bind mount: what the source is, for a target that has to be made. */
  readonly directory: boolean
  /** A user namespace whose mappings the mount gets. */
  readonly idmap?: number
  /** Content of a tmpcopyup target. */
  readonly copy?: readonly CopyEntry[]
}

/** What both a container's init and an exec'd process need. */
export interface ProcessPlan {
  readonly process: Process
  readonly env: readonly string[]
  readonly capabilities: CapabilityMasks
  readonly seccomp: SeccompPlan | undefined
  /** A connected unix socket that gets the master of the terminal. */
  readonly console: number | undefined
  /** The terminal maps newlines (ONLCR), as a new one does: not where the caller shows its output on a terminal that maps them. */
  readonly mapNewlines: boolean
  /** Descriptors 0–2 that are the host's /dev/null and become the container's. */
  readonly nullStdio: readonly number[]
  /** Descriptors 0–2 whose owner becomes the user of the process. */
  readonly ownedStdio: readonly number[]
  /** First descriptor that the process does not inherit. */
  readonly inherited: number
  /** How many from there on are needed until the process is executed; the rest closes once all is made. */
  readonly kept: number
  readonly apparmor: string | undefined
  readonly selinux: string | undefined
  /** The process enters or makes a user namespace in which groups may not be set (proc_pid_setgroups). */
  readonly setgroupsDenied: boolean
}

export interface ContainerPlan extends ProcessPlan {
  readonly arch: Arch
  readonly id: string
  readonly spec: Spec
  /** The failure page's file, the channel to the parent. */
  readonly page: number
  readonly channel: number
  /** First number that is nobody's. */
  readonly end: number
  /** A listening socket that `start` connects to; without it the container starts once it is created. */
  readonly listen: number | undefined
  /** Directory for CLONE_INTO_CGROUP, and files `tasks` of v1 hierarchies: how init enters its cgroup by itself. */
  readonly cgroup: number | undefined
  readonly tasks: readonly number[]
  /** CLONE_NEW* of the namespaces to be made. */
  readonly fresh: number
  readonly joins: readonly Join[]
  /** Container ids 0 exist, so that the program may become root inside. */
  readonly rootMapped: boolean
  /** The parent may make and attach mounts of the host: what is bound is opened before the user namespace is entered. */
  readonly privileged: boolean
  /** Streams made for a process in a new user namespace are given to this user of the host, while there is the power to. */
  readonly streamOwner: number | undefined
  /** The root filesystem: a detached mount, one that init makes, or spec.root.path if there is neither. */
  readonly rootfs: number | OverlayPlan | undefined
  readonly mounts: readonly MountPlan[]
  readonly cgroupMount: CgroupMountPlan
  readonly noPivot: boolean
  /** Mount points of the host's procfs and sysfs, which without pivot_root stay in the mount namespace and have to go. */
  readonly hostProc: readonly string[]
  readonly newKeyring: boolean
  /** The first process passes signals on and reaps; the process is its child. */
  readonly reaper: boolean
  /** There is no process: init itself holds the namespaces from its creation on. */
  readonly holder: boolean
  /** Device nodes can be made; else they are bound from the host. */
  readonly mknod: boolean
  /** The parent puts init into its cgroup: systemd does. */
  readonly attach: boolean
  /** Parent wants to run hooks before the root is pivoted. */
  readonly runtimeHooks: boolean
  readonly selinuxMountLabel: string | undefined
}

/** What the files of this folder pass on to each other while they emit. */
export interface Emit<Plan> {
  readonly p: Program
  readonly plan: Plan
}
