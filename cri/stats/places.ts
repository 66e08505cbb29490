/** Where the accounting files of a container and of a pod are. */
import { posix } from 'node:path'
import { type Home, homesOf } from '../../runtime/cgroups/homes.ts'
import { layout } from '../../runtime/cgroups/layout.ts'
import type { CgroupRecord } from '../../runtime/cgroups/types.ts'

/** What this machine does not have is absent. */
export interface Places {
  /** The cgroup as cAdvisor names it: its path in the hierarchy. */
  readonly path: string
  readonly cpu?: Home
  /** v1: accounting and bandwidth are controllers of their own. */
  readonly cpuacct?: string
  readonly memory?: Home
  readonly pids?: Home
  readonly io?: Home
  readonly hugetlb?: Home
  /** Any one: all processes are in each. */
  readonly processes?: string
}

const HIERARCHIES = ['', 'memory', 'cpu', 'pids', 'name=systemd']

const pathOf = (record: CgroupRecord): string => {
  for (const key of record.layout === 'v2' ? [''] : HIERARCHIES.slice(1)) {
    const [dir, hierarchy] = [record.paths[key], layout().hierarchies.get(key)]
    if (dir !== undefined && hierarchy !== undefined) return posix.join('/', hierarchy.root, posix.relative(hierarchy.mountPoint, dir))
  }
  return ''
}

export const placesOf = (record: CgroupRecord): Places => {
  const homes = homesOf(record)
  const found = Object.fromEntries(
    (['cpu', 'memory', 'pids', 'io', 'hugetlb'] as const).flatMap((controller) => {
      const home = homes(controller)
      return home === undefined ? [] : [[controller, home] as const]
    }),
  )
  const cpuacct = record.layout === 'v2' ? undefined : record.paths['cpuacct']
  const processes = HIERARCHIES.map((key) => record.paths[key]).find((dir) => dir !== undefined)
  return {
    path: pathOf(record),
    ...found,
    ...(cpuacct === undefined ? {} : { cpuacct }),
    ...(processes === undefined ? {} : { processes }),
  }
}

/** The cgroup that this one is in. */
export const parentOf = (record: CgroupRecord): CgroupRecord => ({
  ...record,
  paths: Object.fromEntries(Object.entries(record.paths).map(([key, dir]) => [key, posix.dirname(dir)])),
})
