/** runtime-spec 1.2, config-linux.md. */
import type { PersonalityName } from '../sys/abi/personality.ts'
import type { NAMESPACE_FLAGS } from '../sys/abi/sched.ts'
import type { LinuxResources } from './types-resources.ts'
import type { LinuxSeccomp } from './types-seccomp.ts'

export type LinuxNamespaceType = keyof typeof NAMESPACE_FLAGS

export interface LinuxNamespace {
  readonly type: LinuxNamespaceType
  /** Absolute path of a namespace to join; absent: a new one. */
  readonly path?: string | undefined
}

/** One line of uid_map or gid_map, user_namespaces(7). */
export interface LinuxIDMapping {
  readonly containerID: number
  readonly hostID: number
  readonly size: number
}

export interface LinuxTimeOffset {
  readonly secs?: number | undefined
  readonly nanosecs?: number | undefined
}

/** The clocks that a time namespace shifts, time_namespaces(7). */
export type LinuxTimeOffsets = Readonly<Partial<Record<'monotonic' | 'boottime', LinuxTimeOffset | undefined>>>

/** mknod(1): character device (`u` in config.json is `c` here), block device, FIFO. */
export type LinuxDeviceType = 'c' | 'b' | 'p'

export interface LinuxDevice {
  readonly type: LinuxDeviceType
  /** Absolute, inside the container. */
  readonly path: string
  /** 0 for a FIFO. */
  readonly major: number
  readonly minor: number
  /** Permission bits; default 0666. */
  readonly fileMode?: number | undefined
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}

export type LinuxRootfsPropagation = 'private' | 'rprivate' | 'slave' | 'rslave' | 'shared' | 'rshared' | 'unbindable' | 'runbindable'

/** personality(2). The spec defines no flags. */
export interface LinuxPersonality {
  readonly domain: PersonalityName
}

export interface Linux {
  readonly namespaces?: readonly LinuxNamespace[] | undefined
  /** Of a user namespace that is joined by path they must be the mappings it has: who joins it compares. */
  readonly uidMappings?: readonly LinuxIDMapping[] | undefined
  readonly gidMappings?: readonly LinuxIDMapping[] | undefined
  readonly timeOffsets?: LinuxTimeOffsets | undefined
  readonly devices?: readonly LinuxDevice[] | undefined
  /** A path below the cgroup mounts, or `slice:prefix:name` for the systemd driver. */
  readonly cgroupsPath?: string | undefined
  readonly rootfsPropagation?: LinuxRootfsPropagation | undefined
  readonly resources?: LinuxResources | undefined
  /** By path below /proc/sys: `net/ipv4/conf/eth0.1/forwarding`. (config.json may write dots, as sysctl(8).) */
  readonly sysctl?: Readonly<Record<string, string>> | undefined
  readonly seccomp?: LinuxSeccomp | undefined
  readonly maskedPaths?: readonly string[] | undefined
  readonly readonlyPaths?: readonly string[] | undefined
  /** SELinux context of the mounts. */
  readonly mountLabel?: string | undefined
  readonly personality?: LinuxPersonality | undefined
}
