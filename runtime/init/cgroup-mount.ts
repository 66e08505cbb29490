/** The cgroup mount: the unified hierarchy, or a folder with a mount for each v1 hierarchy. */
import type { Cell, Operand } from '../program/operand.ts'
import { O_CLOEXEC, O_DIRECTORY, O_PATH } from '../sys/abi/fcntl.ts'
import { CLONE_NEWCGROUP } from '../sys/abi/sched.ts'
import { newFileSystem } from './file-system.ts'
import type { ContainerPlan, Emit } from './plan.ts'
import { attach, cloneTree, emitOptions, type ParsedMount } from './sources.ts'

/** The hierarchy as a new mount, whose root is that of the cgroup namespace; where that is refused, or there is no such namespace, the container's folder of the host's. */
const hierarchy = (emit: Emit<ContainerPlan>, type: string, data: string, source: string): Cell => {
  const { p, plan } = emit
  const own = (plan.fresh & CLONE_NEWCGROUP) !== 0 || plan.joins.some((join) => join.type === 'cgroup')
  if (own) return newFileSystem(p, { source: 'cgroup', type, flags: 0, data })
  return cloneTree(p, source, true, 'cgroup')
}

export const emitCgroupMount = (emit: Emit<ContainerPlan>, target: Operand, parsed: ParsedMount): void => {
  const { p, plan } = emit
  const { layout, hierarchies } = plan.cgroupMount
  if (layout === 'v2') {
    const fd = hierarchy(emit, 'cgroup2', parsed.options.data.join(','), hierarchies[0]?.source ?? '/sys/fs/cgroup')
    emitOptions(emit, fd, parsed, true)
    attach(p, fd, target)
    return
  }
  const folder = newFileSystem(p, { source: 'tmpfs', type: 'tmpfs', flags: 0, data: 'mode=755' })
  attach(p, folder, target) // mounts can only be attached to what is attached
  for (const { name, data, links, source } of hierarchies) {
    p.call('mkdirat', [folder, name, 0o755])
    for (const link of links) p.call('symlinkat', [name, folder, link])
    const at = p.call('openat', [folder, name, O_PATH | O_CLOEXEC | O_DIRECTORY[p.arch], 0])
    const fd = hierarchy(emit, 'cgroup', data, source)
    emitOptions(emit, fd, parsed, true)
    attach(p, fd, at)
  }
  emitOptions(emit, folder, parsed, true)
}
