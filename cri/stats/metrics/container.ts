/** The metrics of a container. */
import { statfsSync, statSync } from 'node:fs'
import type { Pressure } from '../../../runtime/cgroups/stats/types.ts'
import type { Container } from '../../state/types.ts'
import type { Group } from '../group.ts'
import { deviceName } from '../io.ts'
import { openedBy, openFilesLimit } from '../processes.ts'
import type { LayerUsage } from '../writable-layers.ts'
import type { Collector } from './collector.ts'

const NANOSECONDS = 1e9
const MICROSECONDS = 1e6

const addCpu = (to: Collector, group: Group): Pressure | undefined => {
  const cpu = group.cpu.read()
  const times = group.cpu.times()
  to.add('container_cpu_usage_seconds_total', cpu && cpu.total / NANOSECONDS, 'total')
  if (times !== undefined) {
    to.add('container_cpu_user_seconds_total', times.user / NANOSECONDS)
    to.add('container_cpu_system_seconds_total', times.system / NANOSECONDS)
    to.add('container_cpu_cfs_periods_total', times.periods)
    to.add('container_cpu_cfs_throttled_periods_total', times.throttledPeriods)
    to.add('container_cpu_cfs_throttled_seconds_total', times.throttledTime / NANOSECONDS)
  }
  return cpu?.pressure
}

const addMemory = (to: Collector, group: Group): Pressure | undefined => {
  const memory = group.memory.read()
  if (memory === undefined) return undefined
  to.add('container_memory_usage_bytes', memory.usage)
  to.add('container_memory_working_set_bytes', memory.workingSet)
  to.add('container_memory_rss', memory.rss)
  to.add('container_memory_cache', memory.cache)
  to.add('container_memory_mapped_file', memory.mappedFile)
  to.add('container_memory_swap', memory.swap?.usage ?? 0)
  to.add('container_memory_total_active_file_bytes', memory.activeFile)
  to.add('container_memory_total_inactive_file_bytes', memory.inactiveFile)
  for (const scope of ['container', 'hierarchy']) {
    to.add('container_memory_failures_total', memory.faults, 'pgfault', scope)
    to.add('container_memory_failures_total', memory.majorFaults, 'pgmajfault', scope)
  }
  const history = group.memory.history()
  to.add('container_memory_max_usage_bytes', history?.peak)
  to.add('container_memory_failcnt', history?.failures)
  to.add('container_memory_kernel_usage', history?.kernel)
  to.add('container_oom_events_total', history?.oomKills)
  return memory.pressure
}

const addIo = (to: Collector, group: Group): void => {
  for (const { device, readBytes, writtenBytes, reads, writes } of group.io.devices()) {
    const name = deviceName(device)
    const [major = '', minor = ''] = device.split(':')
    to.add('container_fs_reads_bytes_total', readBytes, name)
    to.add('container_fs_reads_total', reads, name)
    to.add('container_fs_writes_bytes_total', writtenBytes, name)
    to.add('container_fs_writes_total', writes, name)
    to.add('container_blkio_device_usage_total', readBytes, name, major, minor, 'Read')
    to.add('container_blkio_device_usage_total', writtenBytes, name, major, minor, 'Write')
  }
}

const addPressure = (to: Collector, kind: 'cpu' | 'memory' | 'io', pressure: Pressure | undefined): void => {
  to.add(`container_pressure_${kind}_waiting_seconds_total`, pressure && pressure.some.total / MICROSECONDS)
  to.add(`container_pressure_${kind}_stalled_seconds_total`, pressure && pressure.full.total / MICROSECONDS)
}

const addProcesses = (to: Collector, group: Group): void => {
  const pids = group.processes.processes()
  const { descriptors, sockets } = openedBy(pids)
  to.add('container_processes', pids.length)
  to.add('container_threads', group.processes.threads())
  to.add('container_threads_max', group.processes.limit() ?? 0)
  to.add('container_file_descriptors', descriptors)
  to.add('container_sockets', sockets)
  if (pids[0] !== undefined) to.add('container_ulimits_soft', openFilesLimit(pids[0]), 'max_open_files')
}

/** Everything that its cgroup tells. */
export const addGroup = (to: Collector, group: Group): void => {
  addPressure(to, 'cpu', addCpu(to, group))
  addPressure(to, 'memory', addMemory(to, group))
  addPressure(to, 'io', group.io.pressure())
  addIo(to, group)
  for (const { size, usage, peak } of group.hugetlb.read()) {
    to.add('container_hugetlb_usage_bytes', usage, size)
    to.add('container_hugetlb_max_usage_bytes', peak, size)
  }
  addProcesses(to, group)
}

/** The file system that containers write to. */
export interface Disk {
  readonly device: string
  readonly bytes: number
  readonly inodes: number
  readonly inodesFree: number
}

const MINOR_BITS = 20n

export const diskOf = (folder: string): Disk => {
  const { bsize, blocks, files, ffree } = statfsSync(folder)
  const dev = BigInt(statSync(folder).dev)
  // makedev(3): the low byte of minor, twelve bits of major, the rest of minor
  const major = (dev >> 8n) & 0xfffn
  const minor = (dev & 0xffn) | ((dev >> 12n) & (((1n << MINOR_BITS) - 1n) ^ 0xffn))
  return { device: deviceName(`${major}:${minor}`), bytes: bsize * blocks, inodes: files, inodesFree: ffree }
}

export const addDisk = (to: Collector, layer: LayerUsage | undefined, disk: Disk): void => {
  to.add('container_fs_usage_bytes', layer?.bytes, disk.device)
  to.add('container_fs_limit_bytes', disk.bytes, disk.device)
  to.add('container_fs_inodes_total', disk.inodes, disk.device)
  to.add('container_fs_inodes_free', disk.inodesFree, disk.device)
}

/** What was asked for. Limits that are negative or nothing are none. */
export const addSpec = (to: Collector, { config, started }: Container): void => {
  const resources = config.linux?.resources
  const limit = (bytes: bigint | undefined): number => Math.max(0, Number(bytes ?? 0n))
  to.add('container_spec_cpu_period', Number(resources?.cpuPeriod ?? 0n) || undefined)
  to.add('container_spec_cpu_shares', Number(resources?.cpuShares ?? 0n) || undefined)
  const quota = Number(resources?.cpuQuota ?? 0n)
  if (quota > 0) to.add('container_spec_cpu_quota', quota)
  to.add('container_spec_memory_limit_bytes', limit(resources?.memoryLimitInBytes))
  to.add('container_spec_memory_swap_limit_bytes', limit(resources?.memorySwapLimitInBytes))
  const least = Number(resources?.unified['memory.min'] ?? 0)
  to.add('container_spec_memory_reservation_limit_bytes', Number.isFinite(least) ? least : 0)
  to.add('container_start_time_seconds', started === undefined ? undefined : Number(started) / NANOSECONDS)
  to.add('container_last_seen', Date.now() / 1000)
}
