/** linux.resources as a list of writes. Devices are not in it: they are rules, and on v2 a program. */
import type { LinuxResources } from '../spec/types.ts'
import { homesOf } from './homes.ts'
import type { Context } from './resources/context.ts'
import { cpusetWrites, cpuWrites } from './resources/cpu.ts'
import { ioWrites } from './resources/io.ts'
import { memoryWrites } from './resources/memory.ts'
import { hugetlbWrites, networkWrites, pidsWrites, rdmaWrites, unifiedWrites } from './resources/others.ts'
import type { CgroupRecord } from './types.ts'
import type { Write } from './writes.ts'

export interface ResourceOptions {
  readonly record: CgroupRecord
  /** The cgroup exists and has limits: they are read where order or missing values depend on them. */
  readonly live: boolean
  readonly warn: (message: string) => void
}

/** Throws InvalidField for values that cannot be, `unsupported` for controllers this machine does not have. */
export const resourceWrites = (resources: LinuxResources, { record, live, warn }: ResourceOptions): readonly Write[] => {
  const context: Context = { homes: homesOf(record), live, warn }
  const { memory, cpu, pids, blockIO, hugepageLimits, network, rdma, unified } = resources
  if (record.layout === 'v2' && network !== undefined) warn('linux.resources.network has no effect: cgroup v2 has no such settings')
  return [
    ...(cpu === undefined ? [] : cpusetWrites(cpu, context)),
    ...(pids === undefined ? [] : pidsWrites(pids, context)),
    ...(memory === undefined ? [] : memoryWrites(memory, context)),
    ...(blockIO === undefined ? [] : ioWrites(blockIO, context)),
    ...(cpu === undefined ? [] : cpuWrites(cpu, context)),
    ...(hugepageLimits === undefined ? [] : hugetlbWrites(hugepageLimits, context)),
    ...(network === undefined || record.layout === 'v2' ? [] : networkWrites(network, context)),
    ...(rdma === undefined ? [] : rdmaWrites(rdma, context)),
    ...(unified === undefined ? [] : unifiedWrites(unified, record.layout === 'v2' ? record.paths[''] : undefined)),
  ]
}
