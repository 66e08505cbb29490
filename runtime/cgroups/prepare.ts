/** From a config to a cgroup that init can be put into. */
import { chownSync, readFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import type { LinuxResources } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { containerDeviceRules, setDevices } from './devices.ts'
import type { DeviceRules } from './devices/rules.ts'
import { failure } from './file.ts'
import { offeredControllers } from './homes.ts'
import { type Hierarchy, layout } from './layout.ts'
import { enableDownTo, inheritCpuset, Made, makeDirectory, refuseOccupied } from './make.ts'
import { resourceWrites } from './resources.ts'
import type { CgroupRecord } from './types.ts'
import { applyWrites, type Write } from './writes.ts'

/** What is going to be set; made without touching anything, so that a config that cannot be is refused first. */
export interface Plan {
  readonly writes: readonly Write[]
  readonly devices: DeviceRules
  /** linux.resources.cpu.cpus and .mems are given: they are not inherited. */
  readonly cpuset: readonly ('cpus' | 'mems')[]
}

export const planResources = (record: CgroupRecord, resources: LinuxResources, warn: (message: string) => void): Plan => ({
  writes: resourceWrites(resources, { record, live: false, warn }),
  devices: containerDeviceRules(resources.devices),
  cpuset: (['cpus', 'mems'] as const).filter((name) => resources.cpu?.[name]),
})

export interface PrepareOptions {
  /** linux.cgroupsPath was given: then even a rootless caller means it. */
  readonly explicit: boolean
  readonly ownerUid: number | undefined
  /** Somebody else made the cgroup for us: it may have processes. */
  readonly occupied: boolean
}

const hierarchyOf = (key: string): Hierarchy => {
  const hierarchy = layout().hierarchies.get(key)
  if (hierarchy === undefined) throw new WherryError('failed-precondition', `the cgroup hierarchy "${key}" is not mounted any more`)
  return hierarchy
}

interface Directories {
  readonly record: CgroupRecord
  /** Those that a rootless caller may not make, with the reason. */
  readonly refused: ReadonlyMap<string, unknown>
}

const makeDirectories = (record: CgroupRecord, { explicit, occupied }: PrepareOptions, made: Made): Directories => {
  const refused = new Map<string, unknown>()
  const seen = new Set<string>()
  for (const [key, dir] of Object.entries(record.paths)) {
    if (seen.has(dir)) continue
    seen.add(dir)
    try {
      if (!makeDirectory(dir, hierarchyOf(key).mountPoint, made) && !occupied) refuseOccupied(dir, key === '' ? 2 : 1)
    } catch (error) {
      if (!record.rootless || explicit || !isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error
      refused.set(dir, error)
    }
  }
  if (refused.size === 0) return { record, refused }
  return { record: { ...record, paths: Object.fromEntries(Object.entries(record.paths).filter(([, dir]) => !refused.has(dir))) }, refused }
}

const controllerOf = ({ file }: Write): string => file.slice(0, file.indexOf('.'))

const refuseLost = (writes: readonly Write[], refused: Directories['refused']): void => {
  const lost = writes.find(({ dir }) => refused.has(dir))
  if (lost !== undefined)
    throw new WherryError(
      'permission-denied',
      `linux.resources.${lost.field}: cannot set ${controllerOf(lost)} limit: container could not join or create cgroup: ${String(refused.get(lost.dir))}`,
      { cause: refused.get(lost.dir) },
    )
}

/** Controllers that cannot work in a threaded cgroup, cgroup-v2.rst "Threads". */
const DOMAIN_CONTROLLERS = ['memory', 'io', 'hugetlb']

const enableUnified = (record: CgroupRecord, writes: readonly Write[]): void => {
  const dir = record.paths['']
  if (dir === undefined) return
  const { mountPoint } = hierarchyOf('')
  const used = [...new Set(writes.filter((write) => write.dir === dir).map(controllerOf))].filter((name) => name !== 'cgroup')
  // Beside v1 hierarchies the unified one is changed only as far as something needs it.
  const wanted = record.layout === 'v2' ? offeredControllers(mountPoint) : used
  if (record.layout === 'v2' || wanted.length > 0)
    enableDownTo(
      dir,
      mountPoint,
      wanted,
      used.filter((name) => DOMAIN_CONTROLLERS.includes(name)),
    )
}

/** The files that are delegated with a directory, cgroups(7) "Delegation". */
const delegatedFiles = (): readonly string[] => {
  try {
    return readFileSync('/sys/kernel/cgroup/delegate', 'utf8').split('\n').filter(Boolean)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ['cgroup.procs', 'cgroup.subtree_control', 'cgroup.threads']
    throw error
  }
}

const delegate = (dir: string, uid: number): void => {
  for (const path of [dir, ...delegatedFiles().map((file) => `${dir}/${file}`)]) {
    try {
      chownSync(path, uid, -1)
    } catch (error) {
      if (!isErrno(error, 'ENOENT')) throw failure(error, 'chown', [path, `uid=${uid}`])
    }
  }
}

/** Makes what is missing and sets all limits. Undoes what it made when something fails. Returns the record of what is there. */
export const prepare = (planned: CgroupRecord, plan: Plan, options: PrepareOptions): CgroupRecord => {
  const made = new Made()
  try {
    const { record, refused } = makeDirectories(planned, options, made)
    refuseLost(plan.writes, refused)
    enableUnified(record, plan.writes)
    const cpuset = record.paths['cpuset']
    if (cpuset !== undefined) inheritCpuset(cpuset, hierarchyOf('cpuset').mountPoint, plan.cpuset)
    applyWrites(plan.writes, { restore: false })
    setDevices(record, plan.devices)
    const unified = record.paths['']
    if (record.layout === 'v2' && unified !== undefined && options.ownerUid !== undefined) delegate(unified, options.ownerUid)
    return record
  } catch (error) {
    made.remove()
    throw error
  }
}
