/** config.json as tests change it: the fields of the runtime-spec, mutable, and the smallest one that a probe runs in. */

export interface IdMapping {
  containerID: number
  hostID: number
  size: number
}

export interface MountConfig {
  destination: string
  type?: string
  source?: string
  options?: string[]
  uidMappings?: IdMapping[]
  gidMappings?: IdMapping[]
}

export interface HookConfig {
  path: string
  args?: string[]
  env?: string[]
  timeout?: number
}

export interface ProcessConfig {
  terminal?: boolean
  consoleSize?: { height: number; width: number }
  user: { uid: number; gid: number; umask?: number; additionalGids?: number[] }
  args: string[]
  env: string[]
  cwd: string
  capabilities?: Partial<Record<'bounding' | 'effective' | 'permitted' | 'inheritable' | 'ambient', string[]>>
  rlimits?: { type: string; soft: number; hard: number }[]
  noNewPrivileges?: boolean
  apparmorProfile?: string
  selinuxLabel?: string
  oomScoreAdj?: number
  scheduler?: Record<string, unknown>
  ioPriority?: { class: string; priority?: number }
  execCPUAffinity?: { initial?: string; final?: string }
}

export interface NamespaceConfig {
  type: string
  path?: string
}

export interface SyscallConfig {
  names: string[]
  action: string
  errnoRet?: number
  args?: { index: number; value: number; valueTwo?: number; op: string }[]
}

export interface SeccompConfig {
  defaultAction: string
  defaultErrnoRet?: number
  architectures?: string[]
  flags?: string[]
  listenerPath?: string
  listenerMetadata?: string
  syscalls?: SyscallConfig[]
}

export interface DeviceConfig {
  type: string
  path: string
  major?: number
  minor?: number
  fileMode?: number
  uid?: number
  gid?: number
}

export interface LinuxConfig {
  namespaces: NamespaceConfig[]
  uidMappings?: IdMapping[]
  gidMappings?: IdMapping[]
  timeOffsets?: Record<string, { secs?: number; nanosecs?: number }>
  devices?: DeviceConfig[]
  cgroupsPath?: string
  rootfsPropagation?: string
  resources?: Record<string, unknown>
  sysctl?: Record<string, string>
  seccomp?: SeccompConfig
  maskedPaths?: string[]
  readonlyPaths?: string[]
  mountLabel?: string
  personality?: { domain: string; flags?: string[] }
}

export interface Config {
  ociVersion: string
  process: ProcessConfig
  root: { path: string; readonly?: boolean }
  hostname?: string
  domainname?: string
  mounts: MountConfig[]
  hooks?: Record<string, HookConfig[]>
  annotations?: Record<string, string>
  linux: LinuxConfig
}

/** What engines give by default. */
export const CAPABILITIES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
]

export const PROC: MountConfig = { destination: '/proc', type: 'proc', source: 'proc' }
export const DEV: MountConfig = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'mode=755', 'size=65536k'] }
export const DEVPTS: MountConfig = {
  destination: '/dev/pts',
  type: 'devpts',
  source: 'devpts',
  options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
}
export const SYS: MountConfig = { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] }
export const CGROUP: MountConfig = {
  destination: '/sys/fs/cgroup',
  type: 'cgroup',
  source: 'cgroup',
  options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'],
}

/** A shell script as arguments of a process. */
export const shell = (script: string): string[] => ['sh', '-c', script]

/** Namespaces of all kinds that every kernel has. */
export const NAMESPACES = ['pid', 'network', 'ipc', 'uts', 'mount', 'cgroup']

export const baseConfig = (): Config => ({
  ociVersion: '1.2.0',
  process: {
    user: { uid: 0, gid: 0 },
    args: ['true'],
    env: ['PATH=/bin', 'HOME=/root'],
    cwd: '/',
    capabilities: { bounding: [...CAPABILITIES], effective: [...CAPABILITIES], permitted: [...CAPABILITIES] },
  },
  root: { path: 'rootfs' },
  mounts: structuredClone([PROC, DEV, DEVPTS]),
  linux: { namespaces: NAMESPACES.map((type) => ({ type })) },
})

/** The mappings of a user namespace whose root is `hostID` of the host. */
export const mapTo = (hostID: number, size = 65536): IdMapping[] => [{ containerID: 0, hostID, size }]

/** Gives the container a user namespace; the owner of its root filesystem must fit (Bundle.own). */
export const inUserNamespace = (config: Config, hostID = 100_000, size = 65536): void => {
  config.linux.namespaces.push({ type: 'user' })
  config.linux.uidMappings = mapTo(hostID, size)
  config.linux.gidMappings = mapTo(hostID, size)
}
