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
  readonly cpu?: Init<typeof CpuUsageSchema>
  readonly memory?: Init<typeof MemoryUsageSchema>
  readonly swap?: Init<typeof SwapUsageSchema>
  readonly io?: Init<typeof IoUsageSchema>
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
