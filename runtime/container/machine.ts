/** What of this machine decides about a container's spec; the same for all containers. */
import { existsSync, readFileSync } from 'node:fs'
import { CAPABILITY_NAMES, capabilityNames, lastCapability } from '../capabilities.ts'
import { layout } from '../cgroups/layout.ts'
import type { CgroupLayout } from '../cgroups/types.ts'
import { ownCapabilities } from './gather.ts'
import { inInitialUserNamespace } from './idmap.ts'
import { isApparmorEnabled, isSelinuxEnabled } from './security-modules.ts'
import type { Arch } from '../sys/abi/syscalls.ts'
import { ARCH } from '../sys/syscall.ts'

export interface MachineFacts {
  readonly arch: Arch
  /** The running kernel's version. */
  readonly kernel: readonly [major: number, minor: number]
  /** This process is root of a user namespace, and not of the machine. */
  readonly rootless: boolean
  readonly cgroup: {
    readonly layout: CgroupLayout
    /** systemd makes the cgroups. */
    readonly systemd: boolean
    /** Swap can be limited. */
    readonly swap: boolean
    /** cgroup-v2.rst "nsdelegate": who is root in a cgroup namespace cannot change the limits of its root. */
    readonly delegated: boolean
  }
  /** That the kernel knows, and those of them that this process can give, by name. */
  readonly capabilities: { readonly known: readonly string[]; readonly own: readonly string[] }
  readonly apparmor: boolean
  readonly selinux: boolean
  /** Highest RLIMIT_NOFILE that this process can give. */
  readonly openFiles: bigint
  /** Of this process; what it starts inherits it. */
  readonly oomScoreAdj: number
}

const kernelVersion = (): readonly [number, number] => {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(readFileSync('/proc/sys/kernel/osrelease', 'utf8')) ?? []
  return [Number(major), Number(minor)]
}

/** v1 has it where the kernel was told to (swapaccount=1), v2 always; the root of the hierarchy has no such file there. */
const canLimitSwap = (): boolean => {
  const { kind, hierarchies } = layout()
  if (kind === 'v2') return true
  const memory = hierarchies.get('memory')
  return memory !== undefined && existsSync(`${memory.mountPoint}/memory.memsw.limit_in_bytes`)
}

/** proc_pid_mountinfo(5): the options of the file system stand last. */
const isDelegated = (): boolean =>
  readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .some((line) => / - cgroup2 \S+ \S*\bnsdelegate\b/.test(line))

/** prlimit(2), proc_pid_limits(5). */
const openFileLimit = (): bigint => {
  const [, hard = '1024'] = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'latin1')) ?? []
  return hard === 'unlimited' ? 2n ** 64n - 1n : BigInt(hard)
}

export const machineFacts = ({ systemdCgroup }: { readonly systemdCgroup: boolean }): MachineFacts => {
  const { kind } = layout()
  return {
    arch: ARCH,
    kernel: kernelVersion(),
    rootless: !inInitialUserNamespace(),
    cgroup: { layout: kind, systemd: systemdCgroup, swap: canLimitSwap(), delegated: kind === 'v2' && isDelegated() },
    capabilities: { known: CAPABILITY_NAMES.slice(0, lastCapability() + 1), own: capabilityNames(ownCapabilities().permitted) },
    apparmor: isApparmorEnabled(),
    selinux: isSelinuxEnabled(),
    openFiles: openFileLimit(),
    oomScoreAdj: Number(readFileSync('/proc/self/oom_score_adj', 'latin1')),
  }
}
