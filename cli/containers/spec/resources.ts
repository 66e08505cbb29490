/** linux.resources of what the user wants, also of update. Devices are not in it (devices.ts). */
import { WherryError } from '../../../runtime/errors.ts'
import type { LinuxBlockIO, LinuxCPU, LinuxMemory, LinuxResources, LinuxThrottleDevice } from '../../../runtime/spec/types.ts'
import type { DeviceRate, ResourceRequest } from '../request.ts'
import type { SpecFacts } from './facts.ts'

/** podman's: enough for anybody, and a fork bomb stays in the container. */
export const DEFAULT_PIDS = 2048

const UNLIMITED = '-1'
/** Microseconds, kernel's default. */
const PERIOD = 100_000
const BILLION = 1_000_000_000

type Facts = Pick<SpecFacts, 'blockDevices' | 'warn'> & { readonly machine: Pick<SpecFacts['machine'], 'cgroup' | 'rootless'> }

const defined = <T extends object>(fields: T): T | undefined =>
  Object.values(fields).some((value) => value !== undefined) ? fields : undefined

const big = (text: string | undefined): bigint | undefined => (text === undefined ? undefined : BigInt(text))

/** Memory and swap together: without a word of swap there is none, so that a limit of memory is one. */
const swapOf = ({ memory, memorySwap }: ResourceRequest, { machine, warn }: Facts): bigint | undefined => {
  const wanted = memorySwap ?? memory
  if (wanted === undefined) return undefined
  if (machine.cgroup.swap) return BigInt(wanted)
  if (memorySwap !== undefined && memorySwap !== UNLIMITED)
    warn('--memory-swap has no effect: this kernel does not limit swap (boot with swapaccount=1)')
  return undefined
}

const memoryOf = (resources: ResourceRequest, facts: Facts): LinuxMemory | undefined => {
  const { memory, memoryReservation, memorySwappiness, oomKillDisable } = resources
  const v2 = facts.machine.cgroup.layout === 'v2'
  if (oomKillDisable === true && v2) facts.warn('--oom-kill-disable has no effect: cgroup v2 has no such setting')
  else if (oomKillDisable === true && memory === undefined)
    facts.warn('--oom-kill-disable without --memory: the machine itself may come to a halt')
  if (memorySwappiness !== undefined && v2) facts.warn('--memory-swappiness has no effect: cgroup v2 has no such setting')
  return defined<LinuxMemory>({
    limit: big(memory),
    swap: swapOf(resources, facts),
    reservation: big(memoryReservation),
    swappiness: v2 ? undefined : memorySwappiness,
    disableOOMKiller: oomKillDisable === true && !v2 ? true : undefined,
  })
}

const cpuOf = (resources: ResourceRequest): LinuxCPU | undefined => {
  const { nanoCpus, cpuShares, cpuQuota, cpuPeriod, cpuRealtimeRuntime, cpuRealtimePeriod, cpusetCpus, cpusetMems } = resources
  return defined<LinuxCPU>({
    shares: cpuShares,
    quota: nanoCpus === undefined ? cpuQuota : Math.round((nanoCpus * PERIOD) / BILLION),
    period: nanoCpus === undefined ? cpuPeriod : PERIOD,
    realtimeRuntime: cpuRealtimeRuntime,
    realtimePeriod: cpuRealtimePeriod,
    cpus: cpusetCpus,
    mems: cpusetMems,
  })
}

const numberOf = (path: string, { blockDevices }: Facts): { readonly major: number; readonly minor: number } => {
  const found = blockDevices.get(path)
  if (found === undefined) throw new WherryError('not-found', `${path} is no block device of this machine`)
  return found
}

const throttles = (rates: readonly DeviceRate[] | undefined, facts: Facts): readonly LinuxThrottleDevice[] | undefined =>
  rates?.map(({ path, rate }) => ({ ...numberOf(path, facts), rate: BigInt(rate) }))

const blockIOOf = (resources: ResourceRequest, facts: Facts): LinuxBlockIO | undefined =>
  defined<LinuxBlockIO>({
    weight: resources.blkioWeight,
    weightDevice: resources.blkioWeightDevice?.map(({ path, weight }) => ({ ...numberOf(path, facts), weight })),
    throttleReadBpsDevice: throttles(resources.deviceReadBps, facts),
    throttleWriteBpsDevice: throttles(resources.deviceWriteBps, facts),
    throttleReadIOPSDevice: throttles(resources.deviceReadIops, facts),
    throttleWriteIOPSDevice: throttles(resources.deviceWriteIops, facts),
  })

/** Files of cgroup v2; memory.low is one that has a flag. */
const unifiedOf = ({ unified, memoryLow }: ResourceRequest, { machine, warn }: Facts): Readonly<Record<string, string>> | undefined => {
  if (machine.cgroup.layout === 'v2')
    return memoryLow === undefined && unified === undefined
      ? undefined
      : { ...(memoryLow === undefined ? {} : { 'memory.low': memoryLow === UNLIMITED ? 'max' : memoryLow }), ...unified }
  if (memoryLow !== undefined) warn('--memory-low has no effect: it is a setting of cgroup v2, --memory-reservation is that of cgroup v1')
  if (unified !== undefined)
    throw new WherryError(
      'unsupported',
      `--cgroup-conf ${Object.keys(unified)[0]}: this machine has no cgroup v2 for it: boot with systemd.unified_cgroup_hierarchy=1`,
    )
  return undefined
}

/** What is not given is left out: for update it is as it was. */
export const givenResources = (resources: ResourceRequest, facts: Facts): LinuxResources => {
  const { hugetlb, pidsLimit } = resources
  const fields: LinuxResources = {
    memory: memoryOf(resources, facts),
    cpu: cpuOf(resources),
    pids: pidsLimit === undefined ? undefined : { limit: pidsLimit },
    blockIO: blockIOOf(resources, facts),
    hugepageLimits:
      hugetlb === undefined ? undefined : Object.entries(hugetlb).map(([pageSize, limit]) => ({ pageSize, limit: BigInt(limit) })),
    unified: unifiedOf(resources, facts),
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))
}

/** With the defaults of a new container. Who is not root of the machine may have no cgroup to set one in. */
export const resourcesOf = (resources: ResourceRequest, facts: Facts): LinuxResources =>
  givenResources(
    resources.pidsLimit === undefined && !facts.machine.rootless ? { ...resources, pidsLimit: DEFAULT_PIDS } : resources,
    facts,
  )
