/** Finds out what buildSpec needs for one container. What is opened for it closes with the facts. */
import { hostname } from 'node:os'
import { statSync } from 'node:fs'
import { type DeviceFact, deviceFact, devicesBelow, machineDevices } from '../../../runtime/container/host-devices.ts'
import { type MachineFacts, machineFacts } from '../../../runtime/container/machine.ts'
import { InvalidField, WherryError } from '../../../runtime/errors.ts'
import type { ContainerConfig } from '../../api/api_pb.js'
import type { Cri } from '../../cri.ts'
import { cgroupsPathOf } from '../../sandbox/cgroup.ts'
import { hasNodeIpc } from '../../sandbox/namespace-modes.ts'
import { namespacesFor } from '../../sandbox/namespaces.ts'
import { sandboxPlaces } from '../../sandbox/places.ts'
import type { Sandbox } from '../../state/types.ts'
import { cdiEdits } from '../cdi/registry.ts'
import type { Places } from '../places.ts'
import { volumeLeaseOwner } from '../../images/owners.ts'
import { capabilitySets } from './capabilities.ts'
import type { SpecFacts } from './facts.ts'
import { seccompOf, securityModules } from './profiles.ts'
import { openSources } from './sources.ts'
import type { LookedUpUser } from './user.ts'

const machines = new WeakMap<Cri['engine'], MachineFacts>()

/** Looked at once: none of it changes while the server runs. */
export const machineOf = ({ engine }: Pick<Cri, 'engine'>): MachineFacts => {
  const known = machines.get(engine) ?? machineFacts(engine)
  machines.set(engine, known)
  return known
}

/** What HOSTNAME says. */
export const hostnameOf = ({ config }: Sandbox): string => (config.hostname === '' ? hostname() : config.hostname)

const configDevices = ({ devices }: ContainerConfig): readonly DeviceFact[] =>
  devices.flatMap(({ hostPath, containerPath, permissions }, index): readonly DeviceFact[] => {
    const field = `config.devices[${index}].host_path`
    const [target, access] = [containerPath === '' ? hostPath : containerPath, permissions === '' ? 'rwm' : permissions]
    const stat = statSync(hostPath, { throwIfNoEntry: false })
    if (stat === undefined) throw new InvalidField(field, `${hostPath} does not exist on this machine`)
    if (stat.isDirectory()) return devicesBelow(hostPath, target, access)
    const found = deviceFact(stat, hostPath, target, access)
    if (found === undefined) throw new InvalidField(field, `${hostPath} is no device, and no folder of devices`)
    return [found]
  })

/** Known to hooks; other runtimes have the same names. Nothing of the container's own annotations is passed on, least of all to systemd. */
const annotationsOf = (config: ContainerConfig, sandbox: Sandbox): Readonly<Record<string, string>> => {
  const pod = sandbox.config.metadata
  return {
    'io.kubernetes.cri.container-type': 'container',
    'io.kubernetes.cri.container-name': config.metadata?.name ?? '',
    'io.kubernetes.cri.image-name': config.image?.image ?? '',
    'io.kubernetes.cri.sandbox-id': sandbox.id,
    'io.kubernetes.cri.sandbox-name': pod?.name ?? '',
    'io.kubernetes.cri.sandbox-namespace': pod?.namespace ?? '',
    'io.kubernetes.cri.sandbox-uid': pod?.uid ?? '',
  }
}

export interface Gathering {
  readonly id: string
  readonly config: ContainerConfig
  readonly sandbox: Sandbox
  readonly places: Places
  readonly user: LookedUpUser
}

export interface Gathered {
  readonly facts: SpecFacts
  close(): void
}

/** Throws WherryError for what cannot be on this machine, naming the field. */
export const gatherFacts = async (cri: Cri, { id, config, sandbox, places, user }: Gathering): Promise<Gathered> => {
  const machine = machineOf(cri)
  const security = config.linux?.securityContext
  const privileged = security?.privileged === true
  if (privileged && sandbox.config.linux?.securityContext?.privileged !== true)
    throw new WherryError(
      'invalid-argument',
      'config.linux.security_context.privileged: no privileged container is allowed in a sandbox that is not privileged itself',
    )
  const { mappings } = sandbox
  const capabilities = capabilitySets({ capabilities: security?.capabilities, privileged, userNamespace: mappings !== undefined }, machine)
  const namespaces = namespacesFor(cri, sandbox, security?.namespaceOptions)
  const cdi = await cdiEdits(config)
  const devices = [...(privileged ? machineDevices() : []), ...configDevices(config)]
  const seccomp = seccompOf(security, capabilities.bounding ?? [], machine)
  const modules = await securityModules(security, sandbox, machine)
  const its = sandboxPlaces(cri, sandbox.id)
  const { sources, close } = await openSources(config.mounts, {
    images: cri.images,
    owner: (index) => volumeLeaseOwner(id, index),
    ...(mappings === undefined ? {} : { mappings }),
    folder: places.bundle,
    ...(modules.selinux === undefined ? {} : { mountLabel: modules.selinux.mount }),
  })
  return {
    facts: {
      machine,
      rootfs: places.rootfs,
      sandbox: { config: sandbox.config, ...(mappings === undefined ? {} : { mappings }) },
      user,
      files: { hostname: its.hostname, hosts: its.hosts, resolvConf: its.resolvConf },
      shm: hasNodeIpc(sandbox.config) ? '/dev/shm' : its.shm,
      namespaces,
      cgroupsPath: cgroupsPathOf(cri.config, sandbox.config, id),
      sources,
      devices,
      cdi,
      ...(seccomp === undefined ? {} : { seccomp }),
      ...modules,
      annotations: annotationsOf(config, sandbox),
      restrictOomScoreAdj: cri.config.restrictOomScoreAdj,
    },
    close,
  }
}
