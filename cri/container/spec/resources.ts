/** LinuxContainerResources in the runtime-spec's words. Zero is "not given"; what is not given is left out, for UpdateContainerResources. */
import { offeredControllers } from '../../../runtime/cgroups/homes.ts'
import { layout } from '../../../runtime/cgroups/layout.ts'
import type { MachineFacts } from '../../../runtime/container/machine.ts'
import { InvalidField } from '../../../runtime/errors.ts'
import type { LinuxCPU, LinuxMemory, LinuxResources } from '../../../runtime/spec/types.ts'
import type { LinuxContainerResources } from '../../api/api_pb.js'

/** oom_score_adj, proc_pid_oom_score_adj(5). */
const [LEAST_ADJ, MOST_ADJ] = [-1000n, 1000n]
const MOST_SAFE = BigInt(Number.MAX_SAFE_INTEGER)

const defined = <T extends object>(fields: T): T | undefined => {
  const given = Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T
  return Object.keys(given).length === 0 ? undefined : given
}

const bounded = (value: bigint, least: bigint, most: bigint, field: string): number | undefined => {
  if (value === 0n) return undefined
  if (value < least || value > most) throw new InvalidField(field, `must be from ${least} to ${most}, is ${value}`)
  return Number(value)
}

/** Anything below 0 is unlimited. */
const bytes = (value: bigint): bigint | undefined => (value === 0n ? undefined : value < 0n ? -1n : value)

const cpuOf = (resources: LinuxContainerResources, field: string): LinuxCPU | undefined =>
  defined<LinuxCPU>({
    shares: bounded(resources.cpuShares, 2n, 262_144n, `${field}.cpu_shares`),
    quota: bounded(resources.cpuQuota, -1n, MOST_SAFE, `${field}.cpu_quota`),
    period: bounded(resources.cpuPeriod, 1n, 1_000_000n, `${field}.cpu_period`),
    cpus: resources.cpusetCpus === '' ? undefined : resources.cpusetCpus,
    mems: resources.cpusetMems === '' ? undefined : resources.cpusetMems,
  })

/** Without a word of swap there is none, so that a limit of memory is one. */
const memoryOf = (resources: LinuxContainerResources, swapLimited: boolean): LinuxMemory | undefined => {
  const limit = bytes(resources.memoryLimitInBytes)
  const swap = bytes(resources.memorySwapLimitInBytes) ?? limit
  return defined<LinuxMemory>({ limit, swap: swapLimited ? swap : undefined })
}

/** Machines without the controller are tolerated: kubelet names all page sizes, with a limit of 0. */
const hasHugetlb = (): boolean => {
  const { hierarchies } = layout()
  const unified = hierarchies.get('')
  return hierarchies.has('hugetlb') || (unified !== undefined && offeredControllers(unified.mountPoint).includes('hugetlb'))
}

/** Throws `invalid-argument` naming the field. @param field where they stand: `config.linux.resources`, `linux` */
export const linuxResources = (
  resources: LinuxContainerResources | undefined,
  machine: Pick<MachineFacts, 'cgroup'>,
  field = 'config.linux.resources',
): LinuxResources => {
  if (resources === undefined) return {}
  const { hugepageLimits, unified } = resources
  if (Object.keys(unified).length > 0 && machine.cgroup.layout !== 'v2')
    throw new InvalidField(
      `${field}.unified`,
      'needs cgroup v2, which this machine does not have alone (systemd.unified_cgroup_hierarchy=1)',
    )
  for (const [index, { pageSize }] of hugepageLimits.entries())
    if (!/^[0-9]+[KMG]B$/.test(pageSize))
      throw new InvalidField(`${field}.hugepage_limits[${index}].page_size`, `must be a size like 2MB, is ${JSON.stringify(pageSize)}`)
  return (
    defined<LinuxResources>({
      cpu: cpuOf(resources, field),
      memory: memoryOf(resources, machine.cgroup.swap),
      hugepageLimits:
        hugepageLimits.length > 0 && hasHugetlb() ? hugepageLimits.map(({ pageSize, limit }) => ({ pageSize, limit })) : undefined,
      unified: Object.keys(unified).length === 0 ? undefined : unified,
    }) ?? {}
  )
}

/**
 * Undefined: as the server's own. A server that the kernel is to spare does not have its containers spared. @param restrict what is below the
 * server's own, and can therefore not be set without CAP_SYS_RESOURCE, becomes that
 */
export const oomScoreAdj = (
  resources: LinuxContainerResources | undefined,
  machine: Pick<MachineFacts, 'oomScoreAdj'>,
  restrict: boolean,
): number | undefined => {
  if (resources === undefined) return machine.oomScoreAdj < 0 ? 0 : undefined
  const wanted = resources.oomScoreAdj
  if (wanted < LEAST_ADJ || wanted > MOST_ADJ)
    throw new InvalidField('config.linux.resources.oom_score_adj', `must be from ${LEAST_ADJ} to ${MOST_ADJ}, is ${wanted}`)
  return restrict ? Math.max(Number(wanted), machine.oomScoreAdj) : Number(wanted)
}

/** What is given in `update` over what was: ContainerStatus.resources. */
export const mergedResources = (before: LinuxContainerResources | undefined, update: LinuxContainerResources): LinuxContainerResources => {
  if (before === undefined) return update
  const pick = (next: bigint, was: bigint): bigint => (next === 0n ? was : next)
  const sizes = new Set(update.hugepageLimits.map(({ pageSize }) => pageSize))
  return {
    ...before,
    cpuPeriod: pick(update.cpuPeriod, before.cpuPeriod),
    cpuQuota: pick(update.cpuQuota, before.cpuQuota),
    cpuShares: pick(update.cpuShares, before.cpuShares),
    memoryLimitInBytes: pick(update.memoryLimitInBytes, before.memoryLimitInBytes),
    memorySwapLimitInBytes: pick(update.memorySwapLimitInBytes, before.memorySwapLimitInBytes),
    oomScoreAdj: pick(update.oomScoreAdj, before.oomScoreAdj),
    cpusetCpus: update.cpusetCpus === '' ? before.cpusetCpus : update.cpusetCpus,
    cpusetMems: update.cpusetMems === '' ? before.cpusetMems : update.cpusetMems,
    hugepageLimits: [...before.hugepageLimits.filter(({ pageSize }) => !sizes.has(pageSize)), ...update.hugepageLimits],
    unified: { ...before.unified, ...update.unified },
  }
}
