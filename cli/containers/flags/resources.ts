/** What a container may use: of run, create and update. cgroups(7). */
import { InvalidField } from '../../../runtime/errors.ts'
import { cpusetList } from '../../../runtime/spec/cpu-list.ts'
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import type { DeviceRate, DeviceWeight, ResourceRequest } from '../request.ts'
import { bad, conflict, halves, line, sizeText, within } from './bad.ts'
import { readPidsLimit } from './limits.ts'

export const RESOURCE_FLAGS = {
  memory: { type: 'string', short: 'm', value: 'SIZE', help: 'memory that it may have' },
  'memory-swap': {
    type: 'string',
    value: 'SIZE',
    help: 'memory and swap together, -1 for all the swap there is (default: as --memory, so no swap)',
  },
  'memory-reservation': { type: 'string', value: 'SIZE', help: 'memory that it keeps longer than others when there is little' },
  'memory-low': { type: 'string', value: 'SIZE', help: 'memory.low of cgroup v2: the same' },
  'memory-swappiness': { type: 'integer', value: 'N', help: 'how readily its memory is swapped, 0 to 100; -1 as the machine (cgroup v1)' },
  'oom-kill-disable': { type: 'boolean', help: 'let it wait where it has used up its memory (cgroup v1)' },
  cpus: { type: 'string', value: 'N', help: 'CPUs that it may use, as 1.5' },
  'cpu-shares': {
    type: 'integer',
    short: 'c',
    value: 'N',
    help: 'share of the CPUs among those who want more than there is, 2 to 262144 (default 1024)',
  },
  'cpu-quota': { type: 'integer', value: 'MICROSECONDS', help: 'CPU time in each period' },
  'cpu-period': { type: 'integer', value: 'MICROSECONDS', help: 'length of the period, 1000 to 1000000 (default 100000)' },
  'cpu-rt-runtime': { type: 'integer', value: 'MICROSECONDS', help: 'real-time CPU time in each real-time period (cgroup v1)' },
  'cpu-rt-period': { type: 'integer', value: 'MICROSECONDS', help: 'length of the real-time period (cgroup v1)' },
  'cpuset-cpus': { type: 'string', value: 'LIST', help: 'CPUs that it may run on, as 0-3,7' },
  'cpuset-mems': { type: 'string', value: 'LIST', help: 'memory nodes that it may use, as 0-1' },
  'pids-limit': { type: 'integer', value: 'N', help: 'processes and threads that it may have; 0 or -1 for any number (default 2048)' },
  'blkio-weight': { type: 'integer', value: 'N', help: 'share of input and output, 10 to 1000; 0 as the machine' },
  'blkio-weight-device': { type: 'list', value: 'DEVICE:N', help: 'the same for a device' },
  'device-read-bps': { type: 'list', value: 'DEVICE:SIZE', help: 'bytes that it may read from a device in a second' },
  'device-write-bps': { type: 'list', value: 'DEVICE:SIZE', help: 'bytes that it may write to a device in a second' },
  'device-read-iops': { type: 'list', value: 'DEVICE:N', help: 'times that it may read from a device in a second' },
  'device-write-iops': { type: 'list', value: 'DEVICE:N', help: 'times that it may write to a device in a second' },
  hugetlb: { type: 'list', value: 'PAGESIZE=SIZE', help: 'memory in pages of a size, as 2MB=1g' },
  'cgroup-conf': { type: 'list', value: 'FILE=VALUE', help: 'write a file of its cgroup, as memory.high=1073741824 (cgroup v2)' },
} as const satisfies Flags

export type ResourceFlags = Values<typeof RESOURCE_FLAGS>

/** Below this no program gets far: more likely a unit was forgotten. */
const LEAST_MEMORY = 512n * 1024n

type MemoryFlag = 'memory' | 'memory-swap' | 'memory-reservation' | 'memory-low'

/** 0 is no limit, as in docker. */
const memory = (flags: ResourceFlags, flag: MemoryFlag): string | undefined => {
  const text = flags[flag]
  if (text === undefined) return undefined
  if (text === '-1' && flag === 'memory-swap') return text
  const size = sizeText(flag, text)
  if (size === '0') return flag === 'memory-swap' ? undefined : '-1'
  if (flag === 'memory' && BigInt(size) < LEAST_MEMORY) throw bad(flag, text, 'is less than 512k: with a unit it is 64m or 1g')
  return size
}

const checkMemory = (found: ResourceRequest, flags: ResourceFlags, update: boolean): void => {
  const limit = found.memory === undefined || found.memory === '-1' ? undefined : BigInt(found.memory)
  if (found.memorySwap !== undefined && found.memorySwap !== '-1') {
    if (limit === undefined && !update) throw new UsageError('--memory-swap needs --memory: it is the sum of memory and swap')
    if (limit !== undefined && BigInt(found.memorySwap) < limit)
      throw bad('memory-swap', flags['memory-swap']!, `is less than --memory ${flags.memory}: it is the sum of memory and swap`)
  }
  if (found.memoryReservation !== undefined && limit !== undefined && BigInt(found.memoryReservation) > limit)
    throw bad('memory-reservation', flags['memory-reservation']!, `is more than --memory ${flags.memory}`)
  if (flags['memory-low'] !== undefined && flags['memory-reservation'] !== undefined)
    throw conflict('memory-low', 'memory-reservation', 'both are memory.low of cgroup v2')
}

const BILLION = 1_000_000_000
/** Least quota of the kernel in the default period of 100 ms: a hundredth of a CPU. */
const LEAST_CPUS = 0.01

const nanoCpus = (flags: ResourceFlags): number | undefined => {
  const text = flags.cpus
  if (text === undefined) return undefined
  if (!/^(?:\d{1,6}(?:\.\d*)?|\.\d+)$/.test(text)) throw bad('cpus', text, 'is no number of CPUs like 2 or 0.5')
  const number = Number(text)
  if (number === 0) return undefined
  for (const other of ['cpu-quota', 'cpu-period'] as const) if (flags[other]) throw conflict('cpus', other, '--cpus sets quota and period')
  if (number < LEAST_CPUS) throw bad('cpus', text, `is less than ${LEAST_CPUS}, the least that the kernel shares out`)
  return Math.round(number * BILLION)
}

const period = (flags: ResourceFlags): number | undefined => {
  const value = flags['cpu-period']
  return value === 0 ? undefined : within('cpu-period', value, 1000, 1_000_000, 'microseconds')
}

const quota = (flags: ResourceFlags): number | undefined => {
  const value = flags['cpu-quota']
  if (value === undefined || value === 0) return undefined
  if (value !== -1 && value < 1000) throw bad('cpu-quota', String(value), 'is neither -1 nor at least 1000 microseconds')
  return value
}

const shares = (flags: ResourceFlags): number | undefined => {
  const value = flags['cpu-shares']
  return value === 0 ? undefined : within('cpu-shares', value, 2, 262_144)
}

const realtime = (flags: ResourceFlags): Pick<ResourceRequest, 'cpuRealtimeRuntime' | 'cpuRealtimePeriod'> => {
  const [runtime, length] = [flags['cpu-rt-runtime'], flags['cpu-rt-period']]
  within('cpu-rt-runtime', runtime, 0, Number.MAX_SAFE_INTEGER)
  within('cpu-rt-period', length, 0, Number.MAX_SAFE_INTEGER)
  if (runtime !== undefined && length !== undefined && runtime > length)
    throw bad('cpu-rt-runtime', String(runtime), `is more than --cpu-rt-period ${length}`)
  return { ...(runtime ? { cpuRealtimeRuntime: runtime } : {}), ...(length ? { cpuRealtimePeriod: length } : {}) }
}

const cpuset = (flags: ResourceFlags, flag: 'cpuset-cpus' | 'cpuset-mems'): string | undefined => {
  const text = flags[flag]
  if (text === undefined || text === '') return undefined
  try {
    return cpusetList(line(flag, text), flag)
  } catch (error) {
    if (error instanceof InvalidField) throw bad(flag, text, 'is no list of numbers and ranges such as 0-3,7')
    throw error
  }
}

const device = (flag: string, text: string, wanted: string): readonly [path: string, value: string] => {
  const at = text.lastIndexOf(':')
  const path = text.slice(0, at)
  if (at < 1 || !path.startsWith('/dev/')) throw bad(flag, text, `is not of the form ${wanted} with a device below /dev`)
  return [line(flag, path), text.slice(at + 1)]
}

const bytesPerSecond = (
  flag: 'device-read-bps' | 'device-write-bps',
  values: readonly string[] | undefined,
): readonly DeviceRate[] | undefined =>
  values?.map((text) => {
    const [path, value] = device(flag, text, 'DEVICE:SIZE')
    const rate = sizeText(flag, value)
    if (rate === '0') throw bad(flag, text, 'lets nothing through: at least 1 is wanted')
    return { path, rate }
  })

const timesPerSecond = (
  flag: 'device-read-iops' | 'device-write-iops',
  values: readonly string[] | undefined,
): readonly DeviceRate[] | undefined =>
  values?.map((text) => {
    const [path, value] = device(flag, text, 'DEVICE:N')
    if (!/^[1-9]\d{0,9}$/.test(value)) throw bad(flag, text, 'has no number of operations per second from 1 on')
    return { path, rate: value }
  })

const weight = (flags: ResourceFlags): number | undefined => {
  const value = flags['blkio-weight']
  return value === 0 ? undefined : within('blkio-weight', value, 10, 1000)
}

const weights = (values: readonly string[] | undefined): readonly DeviceWeight[] | undefined =>
  values?.map((text) => {
    const [path, value] = device('blkio-weight-device', text, 'DEVICE:N')
    if (!/^\d{2,4}$/.test(value) || Number(value) < 10 || Number(value) > 1000)
      throw bad('blkio-weight-device', text, 'has no weight from 10 to 1000')
    return { path, weight: Number(value) }
  })

const pageSize = (text: string): string | undefined => {
  const [, number, unit] = /^([1-9]\d{0,9})([KMG])i?B?$/i.exec(text) ?? []
  return number === undefined ? undefined : `${number}${unit!.toUpperCase()}B`
}

const hugetlb = (values: readonly string[] | undefined): Readonly<Record<string, string>> | undefined =>
  values === undefined
    ? undefined
    : Object.fromEntries(
        values.map((text) => {
          const [page, size] = halves(text, text.includes('=') ? '=' : ':')
          const known = pageSize(page)
          if (known === undefined || size === undefined) throw bad('hugetlb', text, 'is not of the form PAGESIZE=SIZE, as 2MB=1g')
          return [known, sizeText('hugetlb', size)]
        }),
      )

/** cgroups(7): files are named CONTROLLER.PARAMETER; a key must not lead out of the container's cgroup. */
const unified = (values: readonly string[] | undefined): Readonly<Record<string, string>> | undefined =>
  values === undefined
    ? undefined
    : Object.fromEntries(
        values.map((text) => {
          const [file, value] = halves(line('cgroup-conf', text), '=')
          if (value === undefined || !/^[a-z][a-z0-9_]*\.[a-zA-Z0-9_.]+$/.test(file))
            throw bad('cgroup-conf', text, 'is not of the form CONTROLLER.PARAMETER=VALUE')
          return [file, value]
        }),
      )

/** Without what is undefined: absent is as it was to update, and the default to create. */
const present = <T extends object>(fields: { readonly [Name in keyof T]: T[Name] | undefined }): T =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as T

/** @param update the container has limits already */
export const readResources = (flags: ResourceFlags, { update }: { readonly update: boolean }): ResourceRequest => {
  const swappiness = within('memory-swappiness', flags['memory-swappiness'], -1, 100)
  const found = present<ResourceRequest>({
    memory: memory(flags, 'memory'),
    memorySwap: memory(flags, 'memory-swap'),
    memoryReservation: memory(flags, 'memory-reservation'),
    memoryLow: memory(flags, 'memory-low'),
    memorySwappiness: swappiness === -1 ? undefined : swappiness,
    oomKillDisable: flags['oom-kill-disable'],
    nanoCpus: nanoCpus(flags),
    cpuShares: shares(flags),
    cpuQuota: quota(flags),
    cpuPeriod: period(flags),
    ...realtime(flags),
    cpusetCpus: cpuset(flags, 'cpuset-cpus'),
    cpusetMems: cpuset(flags, 'cpuset-mems'),
    pidsLimit: readPidsLimit(flags['pids-limit']),
    blkioWeight: weight(flags),
    blkioWeightDevice: weights(flags['blkio-weight-device']),
    deviceReadBps: bytesPerSecond('device-read-bps', flags['device-read-bps']),
    deviceWriteBps: bytesPerSecond('device-write-bps', flags['device-write-bps']),
    deviceReadIops: timesPerSecond('device-read-iops', flags['device-read-iops']),
    deviceWriteIops: timesPerSecond('device-write-iops', flags['device-write-iops']),
    hugetlb: hugetlb(flags.hugetlb),
    unified: unified(flags['cgroup-conf']),
  })
  checkMemory(found, flags, update)
  return found
}
