/** The cgroup of a container as a transient scope of systemd: systemd.scope(5). systemd makes it, and keeps to what it was told. */
import { existsSync } from 'node:fs'
import { posix } from 'node:path'
import { WherryError } from '../../errors.ts'
import type { LinuxResources } from '../../spec/types.ts'
import { CgroupFs, type CgroupFsOptions } from '../cgroupfs.ts'
import { containerDeviceRules } from '../devices.ts'
import { tryReadCgroupFile } from '../file.ts'
import { type Layout, layout } from '../layout.ts'
import { refuseOccupied } from '../make.ts'
import { planResources } from '../prepare.ts'
import { resourceWrites } from '../resources.ts'
import type { Stats } from '../stats/types.ts'
import type { Cgroup, CgroupOptions, CgroupRecord, Entrance, SubCgroups } from '../types.ts'
import type { Write } from '../writes.ts'
import { annotatedProperties } from './annotations.ts'
import { deviceProperties } from './devices.ts'
import { Manager } from './manager.ts'
import { settleBandwidth, unitProperties, withoutIdleWeight } from './properties.ts'
import { slicePath, unitName } from './unit.ts'
import type { Property, Variant } from './wire.ts'

const text = (value: string): Variant => ({ signature: 's', value })
const flag = (value: boolean): Variant => ({ signature: 'b', value })

/** Connects, and closes whatever happens. */
const withManager = async <T>({ rootless }: CgroupRecord, use: (manager: Manager) => Promise<T>): Promise<T> => {
  const manager = await Manager.open({ user: rootless })
  try {
    return await use(manager)
  } finally {
    manager.close()
  }
}

/** What is known when the cgroup is new; an opened one has its scope already. */
interface Beginning {
  readonly id: string
  readonly properties: readonly Property[]
}

class SystemdCgroup implements Cgroup {
  readonly #files: CgroupFs
  readonly #unit: string
  readonly #slice: string
  readonly #warn: (message: string) => void
  readonly #beginning: Beginning | undefined
  #resources: LinuxResources = {}
  #started: boolean

  constructor(record: CgroupRecord & { readonly unit: string; readonly slice: string }, options: CgroupFsOptions, beginning?: Beginning) {
    this.#files = new CgroupFs(record, options)
    this.#unit = record.unit
    this.#slice = record.slice
    this.#warn = options.warn
    this.#beginning = beginning
    this.#started = beginning === undefined
  }

  get record(): CgroupRecord {
    return this.#files.record
  }

  #adjust(writes: readonly Write[]): readonly Write[] {
    return settleBandwidth(withoutIdleWeight(writes, this.#warn))
  }

  async create(resources: LinuxResources = {}): Promise<void> {
    planResources(this.record, resources, () => {})
    for (const [key, dir] of Object.entries(this.record.paths)) if (existsSync(dir)) refuseOccupied(dir, key === '' ? 2 : 1)
    this.#resources = resources
  }

  entrance(sub?: SubCgroups): Entrance | undefined {
    return this.#started ? this.#files.entrance(sub) : undefined
  }

  /** After a failure the scope may be there: it goes when the process ends, or with destroy(). */
  async attach(pid: number): Promise<void> {
    const plan = planResources(this.record, this.#resources, this.#warn)
    const writes = this.#adjust(plan.writes)
    const v1 = this.record.layout !== 'v2'
    await withManager(this.record, async (manager) =>
      manager.start(this.#unit, [
        ['Description', text(`container ${this.#beginning?.id ?? this.#unit}`)],
        ['Slice', text(this.#slice)],
        ['Delegate', flag(true)],
        ['PIDs', { signature: 'au', value: [pid] }],
        ['DefaultDependencies', flag(false)],
        // With accounting from the start: the kernel has trouble with joining controllers later.
        ['MemoryAccounting', flag(true)],
        ['CPUAccounting', flag(true)],
        [v1 ? 'BlockIOAccounting' : 'IOAccounting', flag(true)],
        ['TasksAccounting', flag(true)],
        ...(v1 ? deviceProperties(plan.devices) : []),
        ...unitProperties(writes, await manager.version()),
        ...(this.#beginning?.properties ?? []),
      ]),
    )
    this.#started = true
    this.#files.prepare({ ...plan, writes }, { occupied: true })
    // On v1 systemd has put it into the hierarchies it knows only.
    if (v1) await this.#files.attach(pid)
  }

  async update(resources: LinuxResources): Promise<void> {
    const writes = this.#adjust(resourceWrites(resources, { record: this.record, live: true, warn: this.#warn }))
    const rules = resources.devices === undefined ? undefined : containerDeviceRules(resources.devices)
    const before = writes.flatMap((write) => {
      const value = tryReadCgroupFile(write.dir, write.file)
      return value === undefined ? [] : [{ ...write, value: value.trim() }]
    })
    await withManager(this.record, async (manager) => {
      const version = await manager.version()
      const set = (properties: readonly Property[]) => (properties.length === 0 ? undefined : manager.setProperties(this.#unit, properties))
      if (rules === undefined || this.record.layout === 'v2') await set(unitProperties(writes, version))
      // On v1 systemd denies all for a moment while it sets the rules of devices.
      else await this.#whileFrozen(async () => set([...unitProperties(writes, version), ...deviceProperties(rules)]))
      try {
        this.#files.apply(writes, rules)
      } catch (error) {
        await set(unitProperties(before, version))
        throw error
      }
    })
  }

  async #whileFrozen(act: () => Promise<void>): Promise<void> {
    if (this.frozen) return act()
    await this.freeze()
    try {
      await act()
    } finally {
      await this.thaw()
    }
  }

  /** The scope goes by itself when its last process ends; one that failed stays until it is forgotten. */
  async destroy(): Promise<void> {
    await withManager(this.record, (manager) => manager.stop(this.#unit))
    await this.#files.destroy()
  }

  directories(sub?: SubCgroups): readonly string[] {
    return this.#files.directories(sub)
  }

  join(pid: number, options?: { readonly sub?: SubCgroups; readonly init?: number }): void {
    this.#files.join(pid, options)
  }

  freeze(): Promise<void> {
    return this.#files.freeze()
  }

  thaw(): Promise<void> {
    return this.#files.thaw()
  }

  get frozen(): boolean {
    return this.#files.frozen
  }

  processes(options?: { readonly recursive: boolean }): readonly number[] {
    return this.#files.processes(options)
  }

  signal(signal: number): Promise<void> {
    return this.#files.signal(signal)
  }

  kill(): Promise<void> {
    return this.#files.kill()
  }

  stats(): Stats {
    return this.#files.stats()
  }

  oomKills(): number {
    return this.#files.oomKills()
  }

  exists(): boolean {
    return this.#files.exists()
  }
}

/** Directory of the unit in each hierarchy. `base` is the cgroup of the manager. */
const unitPaths = ({ hierarchies }: Layout, base: string, slice: string, unit: string): Readonly<Record<string, string>> =>
  Object.fromEntries([...hierarchies].map(([key, { mountPoint }]) => [key, posix.join(mountPoint, base, slicePath(slice), unit)]))

export const createSystemdCgroup = async (options: CgroupOptions): Promise<Cgroup> => {
  const { id, cgroupsPath, rootless, ownerUid, warn } = options
  if (!existsSync('/run/systemd/system'))
    throw new WherryError(
      'failed-precondition',
      'systemd not running on this host, cannot use systemd cgroups manager: leave --systemd-cgroup out',
    )
  const machine = layout()
  if (rootless && machine.kind !== 'v2')
    throw new WherryError(
      'unsupported',
      'cannot use rootless systemd cgroups manager on cgroup v1: boot with systemd.unified_cgroup_hierarchy=1',
    )
  const { slice, unit } = unitName(id, cgroupsPath, rootless)
  const properties = annotatedProperties(options.annotations ?? {})
  const planned: CgroupRecord & { unit: string; slice: string } = {
    driver: 'systemd',
    layout: machine.kind,
    paths: {},
    rootless,
    unit,
    slice,
  }
  // The manager of a user has a cgroup of its own, which all units are below.
  const base = rootless ? String((await withManager(planned, (manager) => manager.property('ControlGroup'))).value) : '/'
  const record = { ...planned, paths: unitPaths(machine, base, slice, unit) }
  return new SystemdCgroup(record, { explicit: true, ownerUid, warn }, { id, properties })
}

export const openSystemdCgroup = (record: CgroupRecord, warn: (message: string) => void): Cgroup => {
  const { unit, slice } = record
  if (unit === undefined || slice === undefined)
    throw new WherryError('data-loss', 'the record of a systemd cgroup names no unit and slice')
  return new SystemdCgroup({ ...record, unit, slice }, { explicit: true, ownerUid: undefined, warn })
}
