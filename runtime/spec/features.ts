/** runtime-spec 1.2, features.md and features-linux.md: what this engine knows, whatever the kernel it runs on. */
import { CAPABILITIES } from '../sys/abi/capability.ts'
import { knownMountOptions } from './mount-options.ts'
import { HOOK_NAMES } from './parse-hooks.ts'
import { NAMESPACE_TYPES } from './parse-linux.ts'
import { SECCOMP_ACTIONS, SECCOMP_ARCHS, SECCOMP_FLAGS, SECCOMP_OPERATORS } from './parse-seccomp.ts'
import type { LinuxSeccompArch, LinuxSeccompFlag } from './types.ts'
import { OCI_VERSION, OCI_VERSION_MIN } from './version.ts'

/** What has to be asked of the kernel and of libseccomp. */
export interface FeatureFacts {
  /** /proc/sys/kernel/cap_last_cap; undefined: name all that are known. */
  readonly lastCapability: number | undefined
  /** Undefined where libseccomp is missing. */
  readonly seccomp:
    | {
        /** Those that the installed libseccomp compiles for. */
        readonly archs: readonly LinuxSeccompArch[]
        /** Those that kernel and libseccomp take. */
        readonly supportedFlags: readonly LinuxSeccompFlag[]
      }
    | undefined
  /** About this implementation: its version, that of libseccomp. */
  readonly annotations: Readonly<Record<string, string>>
}

interface Enabled {
  readonly enabled: boolean
}

export interface Features {
  readonly ociVersionMin: string
  readonly ociVersionMax: string
  readonly hooks: readonly string[]
  readonly mountOptions: readonly string[]
  readonly linux: {
    readonly namespaces: readonly string[]
    readonly capabilities: readonly string[]
    readonly cgroup: Readonly<Record<'v1' | 'v2' | 'systemd' | 'systemdUser' | 'rdma', boolean>>
    readonly seccomp: Enabled & {
      readonly actions?: readonly string[]
      readonly operators?: readonly string[]
      readonly archs?: readonly string[]
      readonly knownFlags?: readonly string[]
      readonly supportedFlags?: readonly string[]
    }
    readonly apparmor: Enabled
    readonly selinux: Enabled
    readonly intelRdt: Enabled
    readonly mountExtensions: { readonly idmap: Enabled }
  }
  readonly annotations: Readonly<Record<string, string>>
  readonly potentiallyUnsafeConfigAnnotations: readonly string[]
}

const seccomp = (facts: FeatureFacts['seccomp']): Features['linux']['seccomp'] =>
  facts === undefined
    ? { enabled: false }
    : {
        enabled: true,
        actions: SECCOMP_ACTIONS,
        operators: SECCOMP_OPERATORS,
        archs: SECCOMP_ARCHS.filter((arch) => facts.archs.includes(arch)),
        knownFlags: SECCOMP_FLAGS,
        supportedFlags: SECCOMP_FLAGS.filter((flag) => facts.supportedFlags.includes(flag)),
      }

export const features = (facts: FeatureFacts): Features => ({
  ociVersionMin: OCI_VERSION_MIN,
  ociVersionMax: OCI_VERSION,
  hooks: HOOK_NAMES,
  mountOptions: knownMountOptions(),
  linux: {
    namespaces: NAMESPACE_TYPES,
    capabilities: Object.entries(CAPABILITIES)
      .filter(([, number]) => number <= (facts.lastCapability ?? number))
      .map(([name]) => name),
    cgroup: { v1: true, v2: true, systemd: true, systemdUser: true, rdma: true },
    seccomp: seccomp(facts.seccomp),
    apparmor: { enabled: true },
    selinux: { enabled: true },
    intelRdt: { enabled: false },
    mountExtensions: { idmap: { enabled: true } },
  },
  annotations: facts.annotations,
  // Who lets others write annotations must filter these: they are properties of a systemd unit.
  potentiallyUnsafeConfigAnnotations: ['org.systemd.property.'],
})
