/** Readings as messages of CRI. What was not read is absent. */
import type { MessageInitShape as Init } from '@bufbuild/protobuf'
import type { Pressure, PressureLine } from '../../runtime/cgroups/stats/types.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import type {
  CpuUsageSchema,
  IoUsageSchema,
  MemoryUsageSchema,
  NetworkInterfaceUsageSchema,
  NetworkUsageSchema,
  PsiDataSchema,
  PsiStatsSchema,
  SwapUsageSchema,
} from '../api/api_pb.js'
import type { Group } from './group.ts'
import type { Interface } from './network.ts'

export const value = (number: number): { readonly value: bigint } => ({ value: BigInt(Math.round(number)) })

/** CRI counts nanoseconds, the kernel microseconds. */
const psiData = ({ avg10, avg60, avg300, total }: PressureLine): Init<typeof PsiDataSchema> => ({
  Total: BigInt(total) * 1000n,
  Avg10: avg10,
  Avg60: avg60,
  Avg300: avg300,
})

const psi = (pressure: Pressure | undefined): { readonly psi?: Init<typeof PsiStatsSchema> } =>
  pressure === undefined ? {} : { psi: { Full: psiData(pressure.full), Some: psiData(pressure.some) } }

export interface GroupUsage {
  readonly cpu?: Init<typeof CpuUsageSchema> | undefined
  readonly memory?: Init<typeof MemoryUsageSchema> | undefined
  readonly swap?: Init<typeof SwapUsageSchema> | undefined
  readonly io?: Init<typeof IoUsageSchema> | undefined
}

/** Nothing of a cgroup that is gone. */
export const groupUsage = (group: Group): GroupUsage => {
  const timestamp = realtime()
  const at = process.hrtime.bigint()
  const cpu = group.cpu.read()
  if (cpu === undefined) return {}
  const cores = group.rate.add(at, cpu.total)
  const memory = group.memory.read()
  const pressure = group.io.pressure()
  return {
    cpu: {
      timestamp,
      usageCoreNanoSeconds: value(cpu.total),
      ...(cores === undefined ? {} : { usageNanoCores: value(cores) }),
      ...psi(cpu.pressure),
    },
    ...(memory === undefined
      ? {}
      : {
          memory: {
            timestamp,
            workingSetBytes: value(memory.workingSet),
            usageBytes: value(memory.usage),
            rssBytes: value(memory.rss),
            pageFaults: value(memory.faults),
            majorPageFaults: value(memory.majorFaults),
            ...(memory.limit === undefined ? {} : { availableBytes: value(Math.max(0, memory.limit - memory.workingSet)) }),
            ...psi(memory.pressure),
          },
        }),
    ...(memory?.swap === undefined
      ? {}
      : {
          swap: {
            timestamp,
            swapUsageBytes: value(memory.swap.usage),
            ...(memory.swap.limit === undefined ? {} : { swapAvailableBytes: value(Math.max(0, memory.swap.limit - memory.swap.usage)) }),
          },
        }),
    ...(pressure === undefined ? {} : { io: { timestamp, ...psi(pressure) } }),
  }
}

type Value = { readonly value?: bigint } | undefined

/** Fields that are numbers; one that any of them lacks is left out, as is pressure, of which there is no sum. */
const sumFields = <K extends string>(all: readonly Readonly<Partial<Record<K, Value>>>[], keys: readonly K[]) =>
  Object.fromEntries(
    keys.flatMap((key) => {
      const values = all.map((one) => one[key]?.value)
      return values.some((number) => number === undefined) ? [] : [[key, { value: values.reduce((sum, number) => sum! + number!, 0n)! }]]
    }),
  ) as Partial<Record<K, { readonly value: bigint }>>

/** Of cgroups that have nothing in common but their pod. */
export const sumOf = (usages: readonly GroupUsage[]): Pick<GroupUsage, 'cpu' | 'memory' | 'io'> => {
  const cpu = usages.flatMap((usage) => usage.cpu ?? [])
  const memory = usages.flatMap((usage) => usage.memory ?? [])
  return {
    ...(cpu[0]?.timestamp === undefined
      ? {}
      : { cpu: { timestamp: cpu[0].timestamp, ...sumFields(cpu, ['usageCoreNanoSeconds', 'usageNanoCores']) } }),
    ...(memory[0]?.timestamp === undefined
      ? {}
      : {
          memory: {
            timestamp: memory[0].timestamp,
            ...sumFields(memory, ['workingSetBytes', 'usageBytes', 'rssBytes', 'pageFaults', 'majorPageFaults']),
          },
        }),
  }
}

/** What CNI calls the pod’s interface. */
const DEFAULT_INTERFACE = 'eth0'

const interfaceUsage = ({ name, received, sent }: Interface): Init<typeof NetworkInterfaceUsageSchema> => ({
  name,
  rxBytes: value(received.bytes),
  rxErrors: value(received.errors),
  txBytes: value(sent.bytes),
  txErrors: value(sent.errors),
})

export const networkUsage = (interfaces: readonly Interface[]): Init<typeof NetworkUsageSchema> => {
  const main = interfaces.find(({ name }) => name === DEFAULT_INTERFACE) ?? interfaces[0]
  return {
    timestamp: realtime(),
    interfaces: interfaces.map(interfaceUsage),
    ...(main === undefined ? {} : { defaultInterface: interfaceUsage(main) }),
  }
}
