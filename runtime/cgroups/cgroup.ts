/** The cgroup of a new container, and of one that is there. */
import { CgroupFs } from './cgroupfs.ts'
import { layout } from './layout.ts'
import { cgroupPaths } from './paths.ts'
import type { Cgroup, CgroupOptions, CgroupRecord } from './types.ts'

/** Plans; Cgroup.create() and attach() make. Throws InvalidField for a cgroupsPath that cannot be. */
export const createCgroup = async (options: CgroupOptions): Promise<Cgroup> => {
  const { id, cgroupsPath, rootless, ownerUid, warn } = options
  if (options.systemd) {
    // Most callers never need the bus.
    const { createSystemdCgroup } = await import('./systemd/cgroup.ts')
    return createSystemdCgroup(options)
  }
  const machine = layout()
  const record: CgroupRecord = { driver: 'cgroupfs', layout: machine.kind, paths: cgroupPaths(machine, id, cgroupsPath), rootless }
  return new CgroupFs(record, { explicit: cgroupsPath !== undefined && cgroupsPath !== '', ownerUid, warn })
}

/** The cgroup that a record is of. */
export const openCgroup = async (record: CgroupRecord, warn: (message: string) => void): Promise<Cgroup> => {
  if (record.driver === 'systemd') {
    const { openSystemdCgroup } = await import('./systemd/cgroup.ts')
    return openSystemdCgroup(record, warn)
  }
  // Its directories are known to be there: nothing is left out any more.
  return new CgroupFs(record, { explicit: true, ownerUid: undefined, warn })
}
