/** Where a controller's files are: v1 and v2 name and format them differently, and a hybrid machine has both. */
import { tryReadCgroupFile } from './file.ts'
import { layout } from './layout.ts'
import type { CgroupRecord } from './types.ts'

/** Controllers that have limits, by their v2 names; net_cls and net_prio are of v1 only. */
export type Controller = 'memory' | 'cpu' | 'cpuset' | 'pids' | 'io' | 'hugetlb' | 'rdma' | 'net_cls' | 'net_prio'

export interface Home {
  readonly version: 1 | 2
  readonly dir: string
}

/** Undefined where this machine has the controller in no hierarchy. */
export type Homes = (controller: Controller) => Home | undefined

/** What the v2 hierarchy below `mountPoint` can control. */
export const offeredControllers = (mountPoint: string): readonly string[] =>
  tryReadCgroupFile(mountPoint, 'cgroup.controllers')?.split(/\s+/).filter(Boolean) ?? []

export const homesOf = (record: CgroupRecord): Homes => {
  const unified = record.paths['']
  let offered: readonly string[] | undefined
  return (controller) => {
    const v1 = record.paths[controller === 'io' ? 'blkio' : controller]
    if (v1 !== undefined && record.layout !== 'v2') return { version: 1, dir: v1 }
    if (unified === undefined) return undefined
    if (record.layout === 'v2') return controller.startsWith('net_') ? undefined : { version: 2, dir: unified }
    offered ??= offeredControllers(layout().hierarchies.get('')?.mountPoint ?? unified)
    return offered.includes(controller) ? { version: 2, dir: unified } : undefined
  }
}
