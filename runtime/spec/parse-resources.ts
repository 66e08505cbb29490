/** runtime-spec 1.2, config-linux.md "Control groups". */
import { InvalidField } from '../errors.ts'
import { cpusetList } from './cpu-list.ts'
import {
  bigInteger,
  boolean,
  entryPath,
  int53,
  integer,
  join,
  line,
  list,
  map,
  nonEmpty,
  object,
  optional,
  type Parse,
  required,
  text,
  uint32,
  uint53,
  uint64,
  wrong,
} from './field.ts'
import { foldResourceKeys } from './fold.ts'
import { blockIO } from './parse-block-io.ts'
import { deviceRule } from './parse-devices.ts'
import type { LinuxCPU, LinuxHugepageLimit, LinuxMemory, LinuxNetwork, LinuxPids, LinuxRdma, LinuxResources } from './types.ts'

const bytes = bigInteger(-1n, 0x7fff_ffff_ffff_ffffn)
const percent = integer(0, 100)

const memory =
  (warn: (message: string) => void): Parse<LinuxMemory> =>
  (value, path) => {
    const from = object(value, path)
    const limit = (key: string): bigint | undefined => optional(from, path, key, bytes) || undefined
    const parsed: LinuxMemory = {
      limit: limit('limit'),
      reservation: limit('reservation'),
      swap: limit('swap'),
      kernel: limit('kernel'),
      kernelTCP: limit('kernelTCP'),
      swappiness: optional(from, path, 'swappiness', percent),
      disableOOMKiller: optional(from, path, 'disableOOMKiller', boolean),
      useHierarchy: optional(from, path, 'useHierarchy', boolean),
      checkBeforeUpdate: optional(from, path, 'checkBeforeUpdate', boolean),
    }
    if (parsed.kernel !== undefined || parsed.kernelTCP !== undefined) warn(`${path}: kernel and kernelTCP are obsolete and ignored`)
    if (parsed.limit !== undefined && parsed.swap !== undefined && parsed.swap > 0n && (parsed.limit < 0n || parsed.swap < parsed.limit))
      throw wrong(join(path, 'swap'), `-1 or no less than limit (${parsed.limit}): it counts memory and swap together`, parsed.swap)
    return parsed
  }

/** Microseconds: what the kernel takes for the period of a group, kernel/sched/core.c min_cfs_quota_period and max_cfs_quota_period. */
const MIN_PERIOD = 1000
const period = (value: unknown, path: string): number => {
  const parsed = uint53(value, path)
  if (parsed !== 0 && (parsed < MIN_PERIOD || parsed > 1_000_000)) throw wrong(path, `from ${MIN_PERIOD} to 1000000 (microseconds)`, parsed)
  return parsed
}
const quota = (value: unknown, path: string): number => {
  const parsed = int53(value, path)
  if (parsed > 0 && parsed < MIN_PERIOD) throw wrong(path, `-1 or at least ${MIN_PERIOD} (microseconds)`, parsed)
  return Math.max(parsed, -1)
}
const idle = integer(0, 1)

const cpu: Parse<LinuxCPU> = (value, path) => {
  const from = object(value, path)
  const parsed: LinuxCPU = {
    shares: optional(from, path, 'shares', uint53) || undefined,
    quota: optional(from, path, 'quota', quota) || undefined,
    burst: optional(from, path, 'burst', uint53),
    period: optional(from, path, 'period', period) || undefined,
    realtimeRuntime: optional(from, path, 'realtimeRuntime', int53) || undefined,
    realtimePeriod: optional(from, path, 'realtimePeriod', uint53) || undefined,
    cpus: optional(from, path, 'cpus', cpusetList),
    mems: optional(from, path, 'mems', cpusetList),
    idle: optional(from, path, 'idle', idle),
  }
  if (parsed.burst !== undefined && parsed.quota !== undefined && parsed.quota > 0 && parsed.burst > parsed.quota)
    throw wrong(join(path, 'burst'), `no more than quota (${parsed.quota})`, parsed.burst)
  return parsed
}

const pids: Parse<LinuxPids | undefined> = (value, path) => {
  const limit = required(object(value, path), path, 'limit', int53)
  return limit === 0 ? undefined : { limit: Math.max(limit, -1) }
}

const pageSize: Parse<string> = (value, path) => {
  if (typeof value !== 'string' || !/^[1-9][0-9]{0,9}[KMGTPE]?B$/.test(value)) throw wrong(path, 'a page size like 64KB, 2MB or 1GB', value)
  return value
}

const hugepageLimit: Parse<LinuxHugepageLimit> = (value, path) => {
  const from = object(value, path)
  return { pageSize: required(from, path, 'pageSize', pageSize), limit: required(from, path, 'limit', uint64) }
}

/** IFNAMSIZ, and what net_prio.ifpriomap can hold: netdevice(7). */
const interfaceName: Parse<string> = (value, path) => {
  if (typeof value !== 'string' || !/^[^\s/:\0]{1,15}$/.test(value)) throw wrong(path, 'the name of a network interface', value)
  return value
}

const network: Parse<LinuxNetwork> = (value, path) => {
  const from = object(value, path)
  const priority = (entry: unknown, at: string) => {
    const fields = object(entry, at)
    return { name: required(fields, at, 'name', interfaceName), priority: required(fields, at, 'priority', uint32) }
  }
  return { classID: optional(from, path, 'classID', uint32), priorities: optional(from, path, 'priorities', list(priority)) }
}

const rdmaDevice: Parse<LinuxRdma> = (value, path) => {
  const from = object(value, path)
  const parsed = { hcaHandles: optional(from, path, 'hcaHandles', uint32), hcaObjects: optional(from, path, 'hcaObjects', uint32) }
  if (parsed.hcaHandles === undefined && parsed.hcaObjects === undefined) throw new InvalidField(path, 'must have hcaHandles or hcaObjects')
  return parsed
}

const rdma: Parse<Readonly<Record<string, LinuxRdma>>> = (value, path) => {
  for (const name of Object.keys(object(value, path)))
    if (name.includes(' ') || line(nonEmpty(name, entryPath(path, name)), entryPath(path, name)) === '')
      throw new InvalidField(entryPath(path, name), 'must be keyed by the name of an RDMA device')
  return map(rdmaDevice)(value, path)
}

/** cgroups(7): files are named CONTROLLER.PARAMETER, and a key must not lead out of the container's cgroup. */
const unified: Parse<Readonly<Record<string, string>>> = (value, path) => {
  for (const name of Object.keys(object(value, path)))
    if (name.includes('/') || !name.includes('.') || name.startsWith('.') || line(name, entryPath(path, name)) === '')
      throw new InvalidField(entryPath(path, name), 'must be keyed by the name of a cgroup v2 file (CONTROLLER.PARAMETER, without slashes)')
  return map(text)(value, path)
}

/** linux.resources, and what `update --resources` reads; keys may be in any case. Throws InvalidField. */
export const parseResources = (value: unknown, path: string, warn: (message: string) => void): LinuxResources => {
  const from = object(foldResourceKeys(value), path)
  return {
    devices: optional(from, path, 'devices', list(deviceRule(warn))),
    memory: optional(from, path, 'memory', memory(warn)),
    cpu: optional(from, path, 'cpu', cpu),
    pids: optional(from, path, 'pids', pids),
    blockIO: optional(from, path, 'blockIO', blockIO),
    hugepageLimits: optional(from, path, 'hugepageLimits', list(hugepageLimit)),
    network: optional(from, path, 'network', network),
    rdma: optional(from, path, 'rdma', rdma),
    unified: optional(from, path, 'unified', unified),
  }
}
