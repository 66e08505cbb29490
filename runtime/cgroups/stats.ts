/** Everything a cgroup accounts for, in one reading. */
import { homesOf } from './homes.ts'
import { cpusetStatsV1, cpuStatsV1, cpuStatsV2 } from './stats/cpu.ts'
import { ioStats } from './stats/io.ts'
import { memoryStats } from './stats/memory.ts'
import { hugetlbStats, pidsStats, rdmaStats } from './stats/others.ts'
import type { Stats } from './stats/types.ts'
import type { CgroupRecord } from './types.ts'

/** The object without its undefined properties. */
const present = <T extends object>(object: { readonly [K in keyof T]: T[K] | undefined }): T =>
  Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as T

/** `record` of a cgroup that exists; what it does not have is absent. */
export const readStats = (record: CgroupRecord): Stats => {
  const homes = homesOf(record)
  const cpu = homes('cpu')
  const cpuset = homes('cpuset')
  const memory = homes('memory')
  const pids = homes('pids')
  const io = homes('io')
  const hugetlb = homes('hugetlb')
  const rdma = homes('rdma')
  return present<Stats>({
    version: record.layout === 'v2' ? 2 : 1,
    cpu: cpu?.version === 2 ? cpuStatsV2(cpu.dir) : cpuStatsV1(record.paths['cpu'], record.paths['cpuacct']),
    cpuset: cpuset?.version === 1 ? cpusetStatsV1(cpuset.dir) : undefined,
    memory: memory && memoryStats(memory),
    pids: pids && pidsStats(pids),
    io: io && ioStats(io),
    hugetlb: hugetlb === undefined ? {} : hugetlbStats(hugetlb),
    rdma: rdma === undefined ? {} : rdmaStats(rdma),
  })
}
