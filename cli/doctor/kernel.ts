/** The kernel, and what bounds processes. */
import { allCapabilities, capabilityNames } from '../../runtime/capabilities.ts'
import { type Check, limited, type Machine, missing, ok, problemOf } from './check.ts'

/** The oldest that is supported, and what newer ones bring. */
const OLDEST: readonly [number, number] = [6, 1]
const NEWER = [
  { version: [6, 7], brings: 'an overlay of many layers takes a helper process (lowerdir+)' },
  { version: [6, 3], brings: 'programs of ours are kept in memory without a flag for it (MFD_EXEC)' },
] as const

const versionOf = (release: string): readonly [number, number] => {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  return [major, minor]
}

const isOlder = ([major, minor]: readonly [number, number], [than, thanMinor]: readonly [number, number]): boolean =>
  major < than || (major === than && minor < thanMinor)

const kernel = ({ release }: Machine): Check => {
  const version = versionOf(release)
  if (isOlder(version, OLDEST))
    return missing(
      'kernel',
      `Linux ${release}`,
      `it is older than ${OLDEST.join('.')}, the oldest that is supported: calls that containers are made with may be missing`,
      'install a newer kernel: apt-get install linux-image-amd64, and restart',
    )
  const lacks = NEWER.find((newer) => isOlder(version, newer.version))
  return lacks === undefined ? ok('kernel', `Linux ${release}`) : limited('kernel', `Linux ${release}`, lacks.brings)
}

const overlay = ({ probes }: Machine): Check => {
  const problem = problemOf(probes.overlay)
  return problem === undefined
    ? ok('overlay', 'overlayfs is there')
    : missing('overlay', problem, 'images cannot be mounted: nothing runs but --rootfs', 'modprobe overlay')
}

const seccomp = ({ probes, read }: Machine): Check => {
  if (read('/proc/sys/kernel/seccomp/actions_avail') === undefined)
    return missing(
      'seccomp',
      'the kernel has no seccomp filters',
      'containers run with --security-opt seccomp=unconfined only: they reach all of the kernel',
    )
  try {
    return ok('seccomp', `filters, libseccomp ${probes.seccomp()}`)
  } catch (error) {
    return missing(
      'seccomp',
      error instanceof Error ? error.message : String(error),
      'containers run with --security-opt seccomp=unconfined only',
      'apt-get install libseccomp2',
    )
  }
}

/** Those that a runtime needs of root’s; outer containers often keep some back. */
const NEEDED = [
  'CAP_SYS_ADMIN',
  'CAP_NET_ADMIN',
  'CAP_MKNOD',
  'CAP_SYS_CHROOT',
  'CAP_SETUID',
  'CAP_SETGID',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
]

const capabilities = ({ uid, read }: Machine): Check[] => {
  if (uid !== 0) return []
  const permitted = BigInt(`0x${/^CapPrm:\s*([0-9a-f]+)$/m.exec(read('/proc/self/status') ?? '')?.[1] ?? '0'}`)
  const lacks = capabilityNames(allCapabilities() & ~permitted)
  if (lacks.length === 0) return [ok('capabilities', 'all of root’s')]
  const found = `root lacks ${lacks.join(', ')}`
  const needed = lacks.filter((name) => NEEDED.includes(name))
  return [
    needed.length > 0
      ? missing(
          'capabilities',
          found,
          `without ${needed.join(', ')} containers cannot be made`,
          'run wherry in the machine itself, or in a container that has them',
        )
      : limited(
          'capabilities',
          found,
          lacks.includes('CAP_SYS_RESOURCE')
            ? 'limits cannot be raised: --ulimit above one’s own, --oom-score-adj below'
            : '--privileged and --cap-add give no more than these',
        ),
  ]
}

const modules = ({ read, exists }: Machine): Check[] => {
  const apparmor = read('/sys/module/apparmor/parameters/enabled')?.startsWith('Y') === true
  const selinux = exists('/sys/fs/selinux/enforce')
  const found = [
    ...(apparmor ? ['AppArmor'] : []),
    ...(selinux ? [`SELinux, ${read('/sys/fs/selinux/enforce')?.trim() === '1' ? 'enforcing' : 'permissive'}`] : []),
  ]
  if (found.length === 0)
    return [
      limited(
        'security module',
        'neither AppArmor nor SELinux',
        '--security-opt apparmor= and label= have nothing to act on; seccomp and capabilities hold',
      ),
    ]
  if (apparmor && !exists('/sys/kernel/security/apparmor/profiles'))
    return [
      limited(
        'security module',
        found.join(', '),
        'its profiles cannot be seen, so none can be loaded',
        'mount -t securityfs securityfs /sys/kernel/security',
      ),
    ]
  return [ok('security module', found.join(', '))]
}

export const kernelChecks = (machine: Machine): Check[] => [
  kernel(machine),
  overlay(machine),
  seccomp(machine),
  ...capabilities(machine),
  ...modules(machine),
]
