/** The controllers with one or two files: pids, hugetlb, net_cls, net_prio, rdma; and linux.resources.unified. */
import { InvalidField } from '../../errors.ts'
import type { LinuxHugepageLimit, LinuxNetwork, LinuxPids, LinuxRdma } from '../../spec/types.ts'
import { undoKeyed, type Write } from '../writes.ts'
import { type Context, homeOf, limitText } from './context.ts'

/** Documentation/admin-guide/cgroup-v1/pids.rst; both generations have one file and format. 0 leaves the limit alone. */
export const pidsWrites = (pids: LinuxPids, context: Context): readonly Write[] =>
  pids.limit === 0
    ? []
    : [{ dir: homeOf(context, 'pids', 'pids').dir, file: 'pids.max', value: limitText(pids.limit), field: 'pids.limit' }]

/** hugetlb.rst: each limit is set for use and, where the kernel has it (5.7), for reservation. */
export const hugetlbWrites = (limits: readonly LinuxHugepageLimit[], context: Context): readonly Write[] =>
  limits.flatMap(({ pageSize, limit }, i) => {
    const { dir, version } = homeOf(context, 'hugetlb', 'hugepageLimits')
    if (!/^[0-9A-Za-z]+$/.test(pageSize))
      throw new InvalidField(`linux.resources.hugepageLimits[${i}].pageSize`, 'must be a size as in 2MB')
    const file = (kind: string) => `hugetlb.${pageSize}${kind}.${version === 1 ? 'limit_in_bytes' : 'max'}`
    const write = { dir, value: String(limit), field: `hugepageLimits[${i}]` }
    return [
      { ...write, file: file('') },
      { ...write, file: file('.rsvd'), optional: true },
    ]
  })

/** net_cls.rst, net_prio.rst. */
export const networkWrites = (network: LinuxNetwork, context: Context): readonly Write[] => {
  if (!network.classID && !network.priorities?.length) return []
  const writes: Write[] = []
  if (network.classID)
    writes.push({
      dir: homeOf(context, 'net_cls', 'network.classID').dir,
      file: 'net_cls.classid',
      value: String(network.classID),
      field: 'network.classID',
    })
  for (const [i, { name, priority }] of (network.priorities ?? []).entries()) {
    const { dir } = homeOf(context, 'net_prio', 'network.priorities')
    writes.push({
      dir,
      file: 'net_prio.ifpriomap',
      value: `${name} ${priority}`,
      field: `network.priorities[${i}]`,
      undo: undoKeyed(name, `${name} 0`),
    })
  }
  return writes
}

/** rdma.rst; one format. */
export const rdmaWrites = (rdma: Readonly<Record<string, LinuxRdma>>, context: Context): readonly Write[] =>
  Object.entries(rdma).map(([device, { hcaHandles, hcaObjects }]) => ({
    dir: homeOf(context, 'rdma', 'rdma').dir,
    file: 'rdma.max',
    value: `${device}${hcaHandles === undefined ? '' : ` hca_handle=${hcaHandles}`}${hcaObjects === undefined ? '' : ` hca_object=${hcaObjects}`}`,
    field: `rdma.${device}`,
    undo: undoKeyed(device, `${device} hca_handle=max hca_object=max`),
  }))

/** Files of v2 by name. `dir` is undefined where the machine is not purely v2. */
export const unifiedWrites = (unified: Readonly<Record<string, string>>, dir: string | undefined): readonly Write[] =>
  Object.entries(unified).map(([file, value]) => {
    const field = `linux.resources.unified[${JSON.stringify(file)}]`
    if (dir === undefined) throw new InvalidField(field, 'invalid configuration: cannot use unified on cgroup v1')
    if (file.includes('/')) throw new InvalidField(field, `unified resource ${JSON.stringify(file)} must be a file name (no slashes)`)
    if (!/^[^.]+\../.test(file))
      throw new InvalidField(field, `unified resource ${JSON.stringify(file)} must be in the form CONTROLLER.PARAMETER`)
    return { dir, file, value, field: `unified[${JSON.stringify(file)}]` }
  })
