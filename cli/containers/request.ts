/**
 * What the user wants of a container: the flags of run and create, checked and put in order, with nothing of the image or the machine in it.
 * Plain JSON (what has 64 bits is a decimal string), because it is written down and read again at every start.
 */
import type { LinuxIDMapping } from '../../runtime/spec/types.ts'

/** -v, --mount, --tmpfs, --volumes-from (resolved). Sources and targets are absolute; a volume's source is its name, or absent: anonymous. */
export interface MountRequest {
  readonly type: 'bind' | 'volume' | 'tmpfs' | 'image'
  readonly source?: string
  readonly target: string
  readonly readonly: boolean
  /** Whether what is mounted below a read-only source can be written to. Absent: it cannot, where the kernel can do that. */
  readonly recursiveReadonly?: 'writable' | 'readonly'
  readonly propagation?: 'private' | 'rprivate' | 'shared' | 'rshared' | 'slave' | 'rslave'
  /** Of a bind mount: what lies below the source does not come along. */
  readonly nonRecursive?: boolean
  /** Folder below the volume or image, never outside of it. */
  readonly subpath?: string
  /** Its files have the ids that they have in the container: by its user namespace, or by mappings of the mount's own. */
  readonly idmap?: true | { readonly uid: readonly LinuxIDMapping[]; readonly gid: readonly LinuxIDMapping[] }
  /** What the image has at the target is not copied into a new volume. */
  readonly noCopy?: boolean
  /** -v: a source that is missing is made, as a folder. */
  readonly createSource?: boolean
  /** :z, :Z where the kernel has SELinux. */
  readonly relabel?: 'shared' | 'private'
  /** Bytes (or `50%` of the machine's memory) and permission bits of a tmpfs. */
  readonly size?: string
  readonly mode?: number
  /** Other options as mount(8) spells them: noexec, nosuid … */
  readonly options: readonly string[]
  /** Labels and driver options of a volume that has to be made. */
  readonly volumeLabels?: Readonly<Record<string, string>>
}

export interface PortRequest {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  readonly host?: string
  /** Absent: any that is free. */
  readonly hostPort?: number
  readonly port: number
}

/** What is asked of one network. */
export interface EndpointRequest {
  readonly aliases: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
}

export interface NetworkRequest {
  /** `networks`: those of `names`, the default network where there is none. */
  readonly mode: 'networks' | 'host' | 'none' | 'container'
  /** Id of the container whose namespace is shared. */
  readonly container?: string
  readonly names: readonly string[]
  /** Of the first network, as in docker. */
  readonly aliases: readonly string[]
  readonly ip?: string
  readonly ip6?: string
  readonly mac?: string
  /** By name: of networks but the first, where something is asked of them. */
  readonly endpoints?: Readonly<Record<string, EndpointRequest>>
  readonly ports: readonly PortRequest[]
  readonly publishAll: boolean
  /** `80/tcp` */
  readonly expose: readonly string[]
  readonly dns: readonly string[]
  readonly dnsSearch: readonly string[]
  readonly dnsOptions: readonly string[]
  /** `name:address`; the address may be `host-gateway`. */
  readonly hosts: readonly string[]
}

/** `host`: the machine's; `private`: its own; `shareable`: its own, which others may join; `container`: another's. */
export interface NamespaceRequest {
  readonly mode: 'private' | 'host' | 'container' | 'shareable' | 'none'
  readonly container?: string
}

export interface UserNamespaceRequest {
  readonly mode: 'host' | 'auto' | 'keep-id' | 'nomap' | 'mapping' | 'container'
  readonly container?: string
  /** Ids of `auto`. */
  readonly size?: number
  /** Ids that keep-id maps the own ones to; its own by default. */
  readonly uid?: number
  readonly gid?: number
  readonly uidMappings?: readonly LinuxIDMapping[]
  readonly gidMappings?: readonly LinuxIDMapping[]
}

/** Byte counts are decimal strings; -1 is unlimited. What update changes. */
export interface ResourceRequest {
  readonly memory?: string
  readonly memorySwap?: string
  readonly memoryReservation?: string
  readonly memoryLow?: string
  readonly memorySwappiness?: number
  readonly oomKillDisable?: boolean
  /** CPUs in 10^-9. */
  readonly nanoCpus?: number
  readonly cpuShares?: number
  readonly cpuQuota?: number
  readonly cpuPeriod?: number
  readonly cpuRealtimeRuntime?: number
  readonly cpuRealtimePeriod?: number
  readonly cpusetCpus?: string
  readonly cpusetMems?: string
  readonly pidsLimit?: number
  readonly blkioWeight?: number
  readonly blkioWeightDevice?: readonly DeviceWeight[]
  readonly deviceReadBps?: readonly DeviceRate[]
  readonly deviceWriteBps?: readonly DeviceRate[]
  readonly deviceReadIops?: readonly DeviceRate[]
  readonly deviceWriteIops?: readonly DeviceRate[]
  /** Bytes by page size: `2MB`. */
  readonly hugetlb?: Readonly<Record<string, string>>
  /** --cgroup-conf: files of cgroup v2. */
  readonly unified?: Readonly<Record<string, string>>
}

export interface DeviceRate {
  readonly path: string
  readonly rate: string
}

export interface DeviceWeight {
  readonly path: string
  readonly weight: number
}

export interface DeviceRequest {
  readonly source: string
  readonly target: string
  /** Letters of `rwm`. */
  readonly access: string
}

export interface SecurityRequest {
  readonly privileged: boolean
  /** `CAP_CHOWN`, `ALL`. */
  readonly capAdd: readonly string[]
  readonly capDrop: readonly string[]
  readonly noNewPrivileges: boolean
  /** Absent: the default profile. The text of a file is taken when the container is made. */
  readonly seccomp?: { readonly mode: 'unconfined' } | { readonly mode: 'profile'; readonly file: string; readonly profile: string }
  /** Name of an AppArmor profile, `unconfined`. */
  readonly apparmor?: string
  /** `user:…`, `role:…`, `type:…`, `level:…`, `disable`, `nested`. */
  readonly labels: readonly string[]
  readonly mask: readonly string[]
  /** `ALL`, or paths that are masked or read-only by default. */
  readonly unmask: readonly string[]
}

export interface RestartPolicy {
  readonly name: 'no' | 'on-failure' | 'always' | 'unless-stopped'
  /** Of on-failure; absent: as often as it takes. */
  readonly maximum?: number
}

/** --health-*; what is absent is the image's. Times in milliseconds. */
export interface HealthRequest {
  readonly disabled: boolean
  /** For the container's shell, or the words of a command behind `CMD`. */
  readonly command?: string
  readonly interval?: number
  readonly timeout?: number
  readonly startPeriod?: number
  readonly startInterval?: number
  readonly retries?: number
}

export interface LogRequest {
  /** `json-file` and `local` are other names of `spool`. */
  readonly driver: 'spool' | 'none'
  /** Bytes of one file, and how many there are. */
  readonly maxSize: number
  readonly maxFiles: number
  readonly tag?: string
}

export interface ContainerRequest {
  /** As the user named it; absent with --rootfs. */
  readonly image?: string
  /** Absolute folder that is the root filesystem. */
  readonly rootfs?: string
  readonly platform?: string
  readonly name?: string
  /** What stands behind the image. */
  readonly command: readonly string[]
  /** Empty: none, the image's neither. */
  readonly entrypoint?: readonly string[]
  /** NAME=value of --env-file and -e, in this order; without a value it is removed. */
  readonly env: readonly (readonly [name: string, value: string | undefined])[]
  readonly workdir?: string
  readonly user?: string
  readonly groups: readonly string[]
  readonly umask?: number
  readonly hostname?: string
  readonly domainname?: string
  readonly tty: boolean
  readonly interactive: boolean
  readonly readonly: boolean
  /** --read-only: /tmp, /run, /var/tmp are written to all the same. */
  readonly readonlyTmpfs: boolean
  readonly init: boolean
  readonly mounts: readonly MountRequest[]
  readonly network: NetworkRequest
  readonly pid: NamespaceRequest
  readonly ipc: NamespaceRequest
  readonly uts: NamespaceRequest
  readonly cgroup: NamespaceRequest
  readonly userns: UserNamespaceRequest
  /** Seconds that the clocks are shifted by in a time namespace. */
  readonly timeOffsets?: { readonly monotonic?: string; readonly boottime?: string }
  readonly cgroupParent?: string
  readonly devices: readonly DeviceRequest[]
  /** Lines of the device cgroup: `c 42:* rmw`. */
  readonly deviceRules: readonly string[]
  readonly resources: ResourceRequest
  readonly oomScoreAdj?: number
  /** `nofile` and its soft and hard limits; -1 is unlimited. */
  readonly ulimits: readonly { readonly name: string; readonly soft: string; readonly hard: string }[]
  readonly sysctls: Readonly<Record<string, string>>
  readonly shmSize: string
  readonly security: SecurityRequest
  readonly stopSignal?: string
  /** Seconds; -1: for ever. */
  readonly stopTimeout: number
  /** Seconds that it may run for; absent: for ever. */
  readonly timeout?: number
  readonly health: HealthRequest
  readonly restart: RestartPolicy
  readonly autoRemove: boolean
  readonly log: LogRequest
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
  /** Bytes that the writable layer may come to. */
  readonly storageSize?: string
}
