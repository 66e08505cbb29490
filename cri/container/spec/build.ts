/** From a ContainerConfig, the image's config and what was found out, to the config of the OCI runtime-spec that the engine takes. */
import { type Applied, applyConfig } from '../../../image/apply/apply.ts'
import type { ContainerConfig as ImageContainerConfig } from '../../../image/spec/types.ts'
import { InvalidField } from '../../../runtime/errors.ts'
import type { HookName, Hook, Hooks, Rlimit, Spec } from '../../../runtime/spec/types.ts'
import { OCI_VERSION } from '../../../runtime/spec/version.ts'
import type { ContainerConfig } from '../../api/api_pb.js'
import { capabilitySets } from './capabilities.ts'
import { envValue } from './check.ts'
import { deviceRules, linuxDevices } from './devices.ts'
import type { SpecFacts } from './facts.ts'
import { mountsOf, rootfsPropagationOf } from './mounts.ts'
import { linuxResources, oomScoreAdj } from './resources.ts'
import { stopSignalNumber } from './stop-signal.ts'

export interface BuiltSpec {
  readonly spec: Spec
  /** For the engine: detached mounts, by index in spec.mounts. */
  readonly mountSources: ReadonlyMap<number, number>
}

/** What the container begins with, of image and config. Throws `invalid-argument`. @param hostname of the sandbox */
export const applied = (config: ContainerConfig, image: ImageContainerConfig, hostname: string): Applied => {
  if (config.command.length === 0 && config.args.length === 0 && (image.Entrypoint ?? []).length + (image.Cmd ?? []).length === 0)
    throw new InvalidField('config.command', 'is empty, and the image has neither Entrypoint nor Cmd: name a program')
  const own = stopSignalNumber(config.stopSignal)
  return applyConfig(image, {
    ...(config.command.length === 0 ? {} : { entrypoint: config.command }),
    command: config.args,
    env: config.envs.map(({ key, value }, index) => [key, envValue(value, `config.envs[${index}].value`)] as const),
    ...(config.workingDir === '' ? {} : { workingDir: config.workingDir }),
    ...(own === undefined ? {} : { stopSignal: String(own) }),
    hostname,
    terminal: config.tty,
  })
}

/** What a service wants, and no more than this process can give. */
const OPEN_FILES = 1_048_576n

const rlimits = ({ machine }: SpecFacts): readonly Rlimit[] => {
  const files = machine.openFiles < OPEN_FILES ? machine.openFiles : OPEN_FILES
  return [{ type: 'RLIMIT_NOFILE', soft: files, hard: files }]
}

const hooksOf = ({ cdi }: SpecFacts): Hooks | undefined => {
  if (cdi.hooks.length === 0) return undefined
  const hooks = new Map<HookName, Hook[]>()
  for (const [name, hook] of cdi.hooks) hooks.set(name, [...(hooks.get(name) ?? []), hook])
  return Object.fromEntries(hooks)
}

/** Of names that are given twice the last counts. */
const withCdi = (env: readonly string[], more: readonly string[]): readonly string[] => [
  ...new Map([...env, ...more].map((entry) => [entry.slice(0, entry.indexOf('=')), entry])).values(),
]

/** Throws `invalid-argument` for what this machine or this sandbox cannot do. */
export const buildSpec = (config: ContainerConfig, process: Applied, facts: SpecFacts): BuiltSpec => {
  const { machine, sandbox, user, cdi } = facts
  const security = config.linux?.securityContext
  const resources = config.linux?.resources
  const privileged = security?.privileged === true
  const mounts = mountsOf(config, facts, process.volumes)
  const hooks = hooksOf(facts)
  const spec: Spec = {
    ociVersion: OCI_VERSION,
    process: {
      terminal: config.tty,
      user: { uid: user.uid, gid: user.gid, additionalGids: [...new Set([...user.additionalGids, ...cdi.additionalGids])] },
      args: process.args,
      env: withCdi(process.env, cdi.env),
      cwd: process.cwd,
      capabilities: capabilitySets(
        { capabilities: security?.capabilities, privileged, userNamespace: sandbox.mappings !== undefined },
        machine,
      ),
      rlimits: rlimits(facts),
      noNewPrivileges: security?.noNewPrivs === true,
      apparmorProfile: facts.apparmorProfile,
      selinuxLabel: facts.selinux?.process,
      oomScoreAdj: oomScoreAdj(resources, machine, facts.restrictOomScoreAdj),
    },
    root: { path: facts.rootfs, readonly: security?.readonlyRootfs === true },
    mounts: mounts.map(({ mount }) => mount),
    annotations: facts.annotations,
    ...(hooks === undefined ? {} : { hooks }),
    linux: {
      // a privileged container sees the cgroups of the node
      namespaces: privileged ? facts.namespaces.filter(({ type }) => type !== 'cgroup') : facts.namespaces,
      devices: linuxDevices(facts),
      cgroupsPath: facts.cgroupsPath,
      rootfsPropagation: rootfsPropagationOf(config),
      resources: { ...linuxResources(resources, machine), devices: deviceRules(facts, privileged) },
      seccomp: privileged ? undefined : facts.seccomp,
      maskedPaths: privileged ? [] : (security?.maskedPaths ?? []),
      readonlyPaths: privileged ? [] : (security?.readonlyPaths ?? []),
      mountLabel: facts.selinux?.mount,
    },
  }
  return { spec, mountSources: new Map(mounts.flatMap(({ fd }, index) => (fd === undefined ? [] : [[index, fd] as const]))) }
}
