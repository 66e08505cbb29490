/** Devices of a container: those of --device, and what the device cgroup lets it use. */
import type { DeviceFact } from '../../../runtime/container/host-devices.ts'
import type { LinuxDevice, LinuxDeviceCgroup, Mount } from '../../../runtime/spec/types.ts'
import type { ContainerRequest } from '../request.ts'
import type { SpecFacts } from './facts.ts'

const NONE: LinuxDeviceCgroup = { allow: false, access: 'rwm' }
const ALL: LinuxDeviceCgroup = { allow: true, access: 'rwm' }

/** `c 42:* rmw`, as request.deviceRules has it. */
export const parseDeviceRule = (rule: string): LinuxDeviceCgroup => {
  const [type = 'a', numbers = '*:*', access = ''] = rule.split(' ')
  const [major, minor] = numbers.split(':').map((part) => (part === '*' ? undefined : Number(part)))
  return {
    allow: true,
    ...(type === 'a' ? {} : { type: type as 'b' | 'c' }),
    ...(major === undefined ? {} : { major }),
    ...(minor === undefined ? {} : { minor }),
    access,
  }
}

type Request = Pick<ContainerRequest, 'security' | 'deviceRules'>

/** What every container may use the engine adds. */
export const deviceRules = (
  { security, deviceRules: rules }: Request,
  { devices }: Pick<SpecFacts, 'devices'>,
): readonly LinuxDeviceCgroup[] =>
  security.privileged
    ? [ALL]
    : [
        NONE,
        ...devices
          .filter(({ type }) => type !== 'p')
          .map(({ type, major, minor, access }): LinuxDeviceCgroup => ({ allow: true, type: type as 'b' | 'c', major, minor, access })),
        ...rules.map(parseDeviceRule),
      ]

type Devices = Pick<SpecFacts, 'devices' | 'mappings'> & { readonly machine: Pick<SpecFacts['machine'], 'rootless'> }

/** In a user namespace no device can be made: the machine's is bound, which the engine does where it has the same name. */
const isRenamed = ({ source, path }: DeviceFact, { machine, mappings }: Devices): boolean =>
  source !== path && (machine.rootless || mappings !== undefined)

export const linuxDevices = (facts: Devices): readonly LinuxDevice[] =>
  facts.devices.filter((device) => !isRenamed(device, facts)).map(({ access: _, source: __, ...device }) => device)

/** Those that have to be bound under another name. */
export const boundDevices = (facts: Devices): readonly Mount[] =>
  facts.devices
    .filter((device) => isRenamed(device, facts))
    .map(({ source, path }) => ({ destination: path, type: 'bind', source, options: ['bind', 'rprivate', 'nosuid', 'noexec'] }))
