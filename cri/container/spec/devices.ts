/** Devices of a container: those of its config and of CDI, or all of the machine's, and what the device cgroup lets it use. */
import type { DeviceFact } from '../../../runtime/container/host-devices.ts'
import type { LinuxDevice, LinuxDeviceCgroup, Mount } from '../../../runtime/spec/types.ts'
import type { SpecFacts } from './facts.ts'

const NONE: LinuxDeviceCgroup = { allow: false, access: 'rwm' }
const ALL: LinuxDeviceCgroup = { allow: true, access: 'rwm' }

type Facts = Pick<SpecFacts, 'devices' | 'cdi' | 'sandbox'>

/** Of a path that is given twice the last counts. */
const allDevices = ({ devices, cdi }: Facts): readonly DeviceFact[] => [
  ...new Map([...devices, ...cdi.devices].map((device) => [device.path, device] as const)).values(),
]

/** What every container may use the engine adds. */
export const deviceRules = (facts: Facts, privileged: boolean): readonly LinuxDeviceCgroup[] =>
  privileged
    ? [ALL]
    : [
        NONE,
        ...allDevices(facts)
          .filter(({ type }) => type !== 'p')
          .map(({ type, major, minor, access }): LinuxDeviceCgroup => ({ allow: true, type: type as 'b' | 'c', major, minor, access })),
      ]

/** In a user namespace no device can be made: the machine's is bound, which the engine does where it has the same name. */
const isRenamed = ({ source, path }: DeviceFact, { sandbox }: Facts): boolean => source !== path && sandbox.mappings !== undefined

export const linuxDevices = (facts: Facts): readonly LinuxDevice[] =>
  allDevices(facts)
    .filter((device) => !isRenamed(device, facts))
    .map(({ access: _, source: __, ...device }) => device)

/** Those that have to be bound under another name. */
export const boundDevices = (facts: Facts): readonly Mount[] =>
  allDevices(facts)
    .filter((device) => isRenamed(device, facts))
    .map(({ source, path }) => ({ destination: path, type: 'bind', source, options: ['bind', 'rprivate', 'nosuid', 'noexec'] }))
