/** The starting point that `spec` writes: field by field what runc writes, so that scripts that edit it find what they expect. */
import type { Linux, LinuxNamespace, LinuxNamespaceType, Mount, Spec } from './types.ts'
import { OCI_VERSION } from './version.ts'

export interface DefaultSpecOptions {
  /** The ids of the user who is to run it without privileges; undefined: root. */
  readonly rootless: { readonly uid: number; readonly gid: number } | undefined
  /** A cgroup namespace is part of the default where the host has nothing but cgroup v2. */
  readonly cgroupNamespace: boolean
}

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']

const MOUNTS: readonly Mount[] = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'] },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620', 'gid=5'],
  },
  { destination: '/dev/shm', type: 'tmpfs', source: 'shm', options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'] },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
  { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options: ['nosuid', 'noexec', 'nodev', 'relatime', 'ro'] },
]

const SYS_OF_THE_HOST: Mount = {
  destination: '/sys',
  type: 'none',
  source: '/sys',
  options: ['rbind', 'nosuid', 'noexec', 'nodev', 'ro'],
}

/** Without the host's network namespace a user may not mount sysfs, and groups other than the own one are not mapped. */
const rootlessMount = (mount: Mount): Mount => {
  if (mount.destination === '/sys') return SYS_OF_THE_HOST
  const options = mount.options?.filter((option) => !/^[ug]id=/.test(option))
  return options === undefined ? mount : { ...mount, options }
}

const MASKED_PATHS = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/proc/sched_debug',
  '/sys/firmware',
  '/proc/scsi',
]

const READONLY_PATHS = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

const linux = ({ rootless, cgroupNamespace }: DefaultSpecOptions): Linux => {
  const types: LinuxNamespaceType[] = ['pid', 'network', 'ipc', 'uts', 'mount']
  if (cgroupNamespace) types.push('cgroup')
  const paths = { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS }
  const namespaces = (of: readonly LinuxNamespaceType[]): LinuxNamespace[] => of.map((type) => ({ type }))
  if (rootless === undefined) {
    const resources = { devices: [{ allow: false, access: 'rwm' }] }
    return { resources, namespaces: namespaces(types), ...paths }
  }
  return {
    uidMappings: [{ containerID: 0, hostID: rootless.uid, size: 1 }],
    gidMappings: [{ containerID: 0, hostID: rootless.gid, size: 1 }],
    namespaces: namespaces([...types.filter((type) => type !== 'network'), 'user']),
    ...paths,
  }
}

/** To be written with stringifyJson. */
export const defaultSpec = (options: DefaultSpecOptions): Spec => ({
  ociVersion: OCI_VERSION,
  process: {
    terminal: true,
    user: { uid: 0, gid: 0 },
    args: ['sh'],
    env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', 'TERM=xterm'],
    cwd: '/',
    capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
    rlimits: [{ type: 'RLIMIT_NOFILE', hard: 1024n, soft: 1024n }],
    noNewPrivileges: true,
  },
  root: { path: 'rootfs', readonly: true },
  hostname: 'runc',
  mounts: options.rootless === undefined ? MOUNTS : MOUNTS.map(rootlessMount),
  linux: linux(options),
})
