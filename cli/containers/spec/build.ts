/** From a container's config, and what was found out for this run, to the config of the OCI runtime-spec that the engine takes. */
import { defaultProfile } from '../../../runtime/seccomp/default-profile.ts'
import type { LinuxSeccomp, Rlimit, Spec } from '../../../runtime/spec/types.ts'
import { OCI_VERSION } from '../../../runtime/spec/version.ts'
import { RLIM_INFINITY, type RlimitName } from '../../../runtime/sys/abi/resource.ts'
import type { ContainerConfig } from '../config.ts'
import type { ContainerRequest } from '../request.ts'
import { capabilityNames, capabilitySets } from './capabilities.ts'
import { deviceRules, linuxDevices } from './devices.ts'
import type { SpecFacts } from './facts.ts'
import { hasOwnProc, mountsOf, rootfsPropagationOf } from './mounts.ts'
import { isOwn, namespacesOf, timeOffsetsOf } from './namespaces.ts'
import { restrictedPaths } from './paths.ts'
import { resourcesOf } from './resources.ts'
import { readSeccompProfile } from '../../../runtime/seccomp/profile.ts'

export interface BuiltSpec {
  readonly spec: Spec
  /** For the engine: detached mounts, by index in spec.mounts. */
  readonly mountSources: ReadonlyMap<number, number>
}

const seccompOf = ({ security }: ContainerRequest, capabilities: readonly string[], { machine }: SpecFacts): LinuxSeccomp | undefined => {
  const { seccomp, privileged } = security
  const conditions = { capabilities: new Set(capabilities), arch: machine.arch, kernel: machine.kernel }
  if (seccomp === undefined) return privileged ? undefined : defaultProfile(conditions)
  return seccomp.mode === 'unconfined' ? undefined : readSeccompProfile(seccomp.profile, conditions)
}

/** What a service wants, and no more than this process can give. */
const OPEN_FILES = 1_048_576n

const rlimit = (text: string): bigint => (text === '-1' ? RLIM_INFINITY : BigInt(text))

const rlimitsOf = ({ ulimits }: ContainerRequest, { machine }: SpecFacts): readonly Rlimit[] => {
  const given = ulimits.map(
    ({ name, soft, hard }): Rlimit => ({ type: `RLIMIT_${name.toUpperCase()}` as RlimitName, soft: rlimit(soft), hard: rlimit(hard) }),
  )
  if (given.some(({ type }) => type === 'RLIMIT_NOFILE')) return given
  const files = machine.openFiles < OPEN_FILES ? machine.openFiles : OPEN_FILES
  return [{ type: 'RLIMIT_NOFILE', soft: files, hard: files }, ...given]
}

/** What programs without privileges expect of a network of their own, as docker sets it: to serve port 80, and to ping. */
const sysctlsOf = (request: ContainerRequest, facts: SpecFacts): Readonly<Record<string, string>> => {
  const { machine, mappings } = facts
  if (!isOwn(request, 'network') || !hasOwnProc(request, facts)) return request.sysctls
  return {
    'net/ipv4/ip_unprivileged_port_start': '0',
    ...(machine.rootless || mappings !== undefined ? {} : { 'net/ipv4/ping_group_range': '0 2147483647' }),
    ...request.sysctls,
  }
}

/** Where it is to be, by path or for systemd. Who is not root of the machine has what is delegated to him. */
const cgroupsPathOf = ({ id, request: { cgroupParent } }: ContainerConfig, { machine }: SpecFacts): string | undefined => {
  if (machine.cgroup.systemd) return `${cgroupParent ?? (machine.rootless ? 'user.slice' : 'machine.slice')}:wherry:${id}`
  if (cgroupParent !== undefined) return `${cgroupParent.replace(/\/+$/, '')}/${id}`
  // without a folder of ours above it, which nobody could take away while others come and go
  return machine.rootless ? undefined : `/wherry-${id}`
}

/** A daemon that the kernel is to spare does not have its containers spared. */
const oomScoreAdjOf = ({ oomScoreAdj }: ContainerRequest, { machine }: SpecFacts): number | undefined =>
  oomScoreAdj ?? (machine.oomScoreAdj < 0 ? 0 : undefined)

/** Throws WherryError for what this machine cannot do. */
export const buildSpec = (config: ContainerConfig, facts: SpecFacts): BuiltSpec => {
  const { request, process } = config
  const { security } = request
  const { machine, user, mappings } = facts
  const capabilities = capabilityNames(security, machine, mappings !== undefined)
  const mounts = mountsOf(request, facts)
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    process: {
      terminal: request.tty,
      user: {
        uid: user.uid,
        gid: user.gid,
        additionalGids: user.additionalGids,
        ...(request.umask === undefined ? {} : { umask: request.umask }),
      },
      args: process.args,
      env: process.env,
      cwd: process.cwd,
      capabilities: capabilitySets(capabilities),
      rlimits: rlimitsOf(request, facts),
      noNewPrivileges: security.noNewPrivileges,
      apparmorProfile: facts.apparmorProfile,
      selinuxLabel: facts.selinux?.process,
      oomScoreAdj: oomScoreAdjOf(request, facts),
    },
    root: { path: facts.rootfs, readonly: request.readonly },
    ...(isOwn(request, 'uts') ? { hostname: facts.hostname } : {}),
    ...(request.domainname === undefined ? {} : { domainname: request.domainname }),
    mounts: mounts.map(({ mount }) => mount),
    annotations: request.annotations,
    linux: {
      namespaces: namespacesOf(request, facts),
      ...(mappings === undefined || request.userns.mode === 'container' ? {} : { uidMappings: mappings.uid, gidMappings: mappings.gid }),
      timeOffsets: timeOffsetsOf(request),
      devices: linuxDevices(facts),
      cgroupsPath: cgroupsPathOf(config, facts),
      rootfsPropagation: rootfsPropagationOf(request),
      resources: { ...resourcesOf(request.resources, facts), devices: deviceRules(request, facts) },
      sysctl: sysctlsOf(request, facts),
      seccomp: seccompOf(request, capabilities, facts),
      ...restrictedPaths(security),
      mountLabel: facts.selinux?.mount,
    },
  }
  return {
    spec,
    mountSources: new Map(mounts.flatMap(({ fd }, index) => (fd === undefined ? [] : [[index, fd] as const]))),
  }
}
