/** What a test needs of the machine. `{ skip: requires('root', 'cgroup_v2') }` runs it, or names what is missing. */
import { existsSync, readFileSync, statSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'

const CGROUP2_SUPER_MAGIC = 0x63677270

const isCgroup2 = (path: string): boolean => existsSync(path) && statfsSync(path).type === CGROUP2_SUPER_MAGIC

const onPath = (program: string): boolean => (process.env['PATH'] ?? '').split(':').some((folder) => existsSync(`${folder}/${program}`))

/** True in the first user namespace of the machine. */
const initialUserNamespace = (): boolean => /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))

/** Each probe answers whether the machine has it. */
const PROBES = {
  root: () => process.geteuid!() === 0 && initialUserNamespace(),
  /** The unified hierarchy alone. */
  cgroup_v2: () => isCgroup2('/sys/fs/cgroup'),
  /** v1 hierarchies, with or without a unified one beside them. */
  cgroup_v1: () => existsSync('/sys/fs/cgroup') && !isCgroup2('/sys/fs/cgroup'),
  cgroup_hybrid: () => isCgroup2('/sys/fs/cgroup/unified'),
  /** systemd is pid 1: sd_booted(3). */
  systemd: () => existsSync('/run/systemd/system'),
  /** Users who are not root can get at the checkout. */
  public_checkout: () => {
    for (let folder = import.meta.dirname; folder !== '/'; folder = dirname(folder)) if ((statSync(folder).mode & 0o001) === 0) return false
    return true
  },
  swap: () => readFileSync('/proc/swaps', 'utf8').trim().split('\n').length > 1,
  /** Debian's packages of these names or what makes the programs. */
  binutils: () => onPath('objdump') && onPath('as'),
  'qemu-aarch64': () => onPath('qemu-aarch64') || onPath('qemu-aarch64-static'),
  podman: () => onPath('podman'),
  containerd: () => onPath('containerd') && onPath('ctr'),
  runc: () => onPath('runc'),
  crun: () => onPath('crun'),
  busybox: () => onPath('busybox'),
  'dbus-daemon': () => onPath('dbus-daemon'),
  protoc: () => onPath('protoc'),
  strace: () => onPath('strace'),
  'docker-registry': () => onPath('docker-registry'),
  skopeo: () => onPath('skopeo'),
  umoci: () => onPath('umoci'),
  buildah: () => onPath('buildah'),
  openssl: () => onPath('openssl'),
  libnftables: () =>
    ['/usr/lib/x86_64-linux-gnu', '/usr/lib/aarch64-linux-gnu', '/usr/lib64', '/usr/lib'].some((folder) =>
      existsSync(`${folder}/libnftables.so.1`),
    ),
  /** Loop devices, mount(8) and what makes and freezes an ext4. */
  loop: () => existsSync('/dev/loop-control') && onPath('losetup') && onPath('fsfreeze'),
  ext4: () => onPath('mkfs.ext4') && /\bext4$/m.test(readFileSync('/proc/filesystems', 'utf8')),
  'cni-plugins': () => ['/opt/cni/bin', '/usr/lib/cni'].some((folder) => existsSync(`${folder}/bridge`)),
  iptables: () => onPath('iptables'),
  pasta: () => onPath('pasta'),
  newuidmap: () => onPath('newuidmap') && onPath('newgidmap'),
  x64: () => process.arch === 'x64',
  arm64: () => process.arch === 'arm64',
} as const satisfies Readonly<Record<string, () => boolean>>

export type Requirement = keyof typeof PROBES

const known = new Map<Requirement, boolean>()

/** Whether the machine has it; probed once. */
export const has = (requirement: Requirement): boolean => {
  const answer = known.get(requirement) ?? PROBES[requirement]()
  known.set(requirement, answer)
  return answer
}

/** False where all is there, else the reason to skip, naming everything that is missing. */
export const requires = (...requirements: readonly Requirement[]): false | string => {
  const missing = requirements.filter((requirement) => !has(requirement))
  return missing.length === 0 ? false : `requires ${missing.join(', ')}`
}
