/** The cgroup of a container on the cgroup file systems themselves: v1, v2 and both beside each other. cgroups(7). */
import { existsSync, readFileSync } from 'node:fs'
import { posix } from 'node:path'
import { WherryError } from '../errors.ts'
import type { LinuxResources } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { containerDeviceRules, setDevices } from './devices.ts'
import type { DeviceRules } from './devices/rules.ts'
import { writeCgroupFile } from './file.ts'
import { type Freezer, freeze, freezerOf, isFrozen, thaw } from './freezer.ts'
import { homesOf } from './homes.ts'
import { directoryIn, layout, parseProcCgroup } from './layout.ts'
import { type Plan, planResources, prepare } from './prepare.ts'
import { processesIn } from './processes.ts'
import { removeDirectories } from './remove.ts'
import { resourceWrites } from './resources.ts'
import { killAll, signalAll } from './signal.ts'
import { oomKills } from './stats/memory.ts'
import type { Stats } from './stats/types.ts'
import { readStats } from './stats.ts'
import type { Cgroup, CgroupRecord, Entrance, SubCgroups } from './types.ts'
import { applyWrites, type Write } from './writes.ts'

export interface CgroupFsOptions {
  /** linux.cgroupsPath was given. */
  readonly explicit: boolean
  readonly ownerUid: number | undefined
  readonly warn: (message: string) => void
}

/** Where the processes are looked for, best first: all are in each of them, but not every machine has all. */
const PROCESS_HIERARCHIES = ['freezer', 'devices', 'pids', '', 'memory', 'cpu', 'name=systemd']

/** Below `dir`, or `dir` itself. */
const below = (dir: string, sub: string): string => {
  const path = posix.join(dir, sub).replace(/\/+$/, '')
  if (path !== dir && !path.startsWith(`${dir}/`)) throw new WherryError('invalid-argument', `sub-cgroup: ${sub} is not a sub cgroup path`)
  return path
}

const WORDS: Readonly<Record<string, string>> = { ENOENT: 'no such file or directory', EBUSY: 'device or resource busy' }

/** The words that callers of other runtimes look for. */
const notJoined = (error: unknown, pid: number, dir: string): unknown => {
  const words = error instanceof Error && 'code' in error ? WORDS[String(error.code)] : undefined
  if (words === undefined) return error
  return new WherryError('failed-precondition', `cannot join cgroup: adding pid ${pid} to cgroups: ${dir}/cgroup.procs: ${words}`, {
    cause: error,
  })
}

export class CgroupFs implements Cgroup {
  #record: CgroupRecord
  readonly #options: CgroupFsOptions

  constructor(record: CgroupRecord, options: CgroupFsOptions) {
    this.#record = record
    this.#options = options
  }

  get record(): CgroupRecord {
    return this.#record
  }

  async create(resources: LinuxResources = {}): Promise<void> {
    this.prepare(planResources(this.#record, resources, this.#options.warn), { occupied: false })
  }

  /** create() by a plan; with `occupied` also in directories that somebody else made and filled. */
  prepare(plan: Plan, { occupied }: { readonly occupied: boolean }): void {
    this.#record = prepare(this.#record, plan, { ...this.#options, occupied })
  }

  entrance(sub: SubCgroups = {}): Entrance {
    const directories = this.directories(sub)
    const unified = this.#record.paths['']
    const into = unified === undefined ? undefined : directories.find((dir) => dir === unified || dir.startsWith(`${unified}/`))
    return { into, tasks: directories.filter((dir) => dir !== into).map((dir) => `${dir}/tasks`) }
  }

  async attach(pid: number): Promise<void> {
    for (const dir of this.directories()) {
      try {
        writeCgroupFile(dir, 'cgroup.procs', [String(pid)], { during: 'unable to apply cgroup configuration' })
      } catch (error) {
        if (!this.#record.rootless || this.#options.explicit || !isErrno(error, 'EACCES', 'EPERM', 'EROFS')) throw error
        const rest = Object.entries(this.#record.paths).filter(([, path]) => path !== dir)
        this.#record = { ...this.#record, paths: Object.fromEntries(rest) }
      }
    }
  }

  async update(resources: LinuxResources): Promise<void> {
    const writes = resourceWrites(resources, { record: this.#record, live: true, warn: this.#options.warn })
    this.apply(writes, resources.devices === undefined ? undefined : containerDeviceRules(resources.devices))
  }

  /** All of it, or nothing as far as the kernel lets. */
  apply(writes: readonly Write[], devices: DeviceRules | undefined): void {
    const undo = applyWrites(writes, { restore: true })
    try {
      if (devices !== undefined) setDevices(this.#record, devices)
    } catch (error) {
      undo(error)
    }
  }

  directories(sub: SubCgroups = {}): readonly string[] {
    const { paths } = this.#record
    for (const key of Object.keys(sub)) {
      if (key !== '' && paths[key] === undefined) throw new WherryError('invalid-argument', `unknown controller ${key}`)
    }
    return [...new Set(Object.entries(paths).map(([key, dir]) => below(dir, sub[''] ?? sub[key] ?? '')))]
  }

  join(pid: number, { sub = {}, init }: { readonly sub?: SubCgroups; readonly init?: number } = {}): void {
    for (const dir of this.directories(sub)) {
      try {
        writeCgroupFile(dir, 'cgroup.procs', [String(pid)])
      } catch (error) {
        if (this.#record.rootless && isErrno(error, 'EACCES', 'EPERM', 'EROFS')) continue
        const elsewhere = init === undefined || sub[''] !== undefined || this.#record.layout !== 'v2' ? undefined : this.#cgroupOf(init)
        if (elsewhere !== undefined && isErrno(error, 'EBUSY', 'EOPNOTSUPP', 'ENOENT'))
          writeCgroupFile(elsewhere, 'cgroup.procs', [String(pid)])
        else throw notJoined(error, pid, dir)
      }
    }
  }

  /** The directory in the unified hierarchy that a process is in. */
  #cgroupOf(pid: number): string | undefined {
    const hierarchy = layout().hierarchies.get('')
    const path = parseProcCgroup(readFileSync(`/proc/${pid}/cgroup`, 'utf8')).get('')
    return hierarchy === undefined || path === undefined ? undefined : directoryIn(hierarchy, path)
  }

  get #freezer(): Freezer | undefined {
    return freezerOf(this.#record)
  }

  /** Of a cgroup that was made or removed in part, a directory that is there. */
  get #directory(): string | undefined {
    const directories = PROCESS_HIERARCHIES.flatMap((key) => this.#record.paths[key] ?? [])
    return directories.find((dir) => existsSync(dir)) ?? directories[0]
  }

  #require<T>(what: T | undefined, purpose: string): T {
    if (what === undefined)
      throw new WherryError(
        'failed-precondition',
        `cannot ${purpose}: the container has no cgroup for it (rootless: have one delegated, systemd: Delegate=yes)`,
      )
    return what
  }

  async freeze(): Promise<void> {
    const { dir, version } = this.#require(this.#freezer, 'pause')
    await freeze(dir, version)
  }

  async thaw(): Promise<void> {
    const { dir, version } = this.#require(this.#freezer, 'resume')
    thaw(dir, version)
  }

  get frozen(): boolean {
    const freezer = this.#freezer
    return freezer !== undefined && isFrozen(freezer.dir, freezer.version)
  }

  processes(options: { readonly recursive: boolean } = { recursive: true }): readonly number[] {
    return this.#directory === undefined ? [] : processesIn(this.#directory, options)
  }

  async signal(signal: number): Promise<void> {
    await signalAll(this.#require(this.#directory, 'signal all processes'), this.#freezer, signal)
  }

  async kill(): Promise<void> {
    const freezer = this.#freezer
    const there = freezer !== undefined && existsSync(freezer.dir) ? freezer : undefined
    await killAll(this.#require(this.#directory, 'kill all processes'), this.#record.paths[''], there)
  }

  stats(): Stats {
    return readStats(this.#record)
  }

  oomKills(): number {
    const memory = homesOf(this.#record)('memory')
    return memory === undefined ? 0 : oomKills(memory)
  }

  async destroy(): Promise<void> {
    await removeDirectories(this.directories())
  }

  exists(): boolean {
    return this.directories().some((dir) => existsSync(dir))
  }
}
