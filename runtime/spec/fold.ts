/**
 * Keys of linux.resources in any case, `{"CPU": {"Cpus": "0"}}`: the runtimes written in Go read them so, and a limit that is passed over
 * because of a capital letter is one that is not there.
 */
import type { JsonObject } from './field.ts'

const FIELDS = new Map(
  [
    ['devices', 'memory', 'cpu', 'pids', 'blockIO', 'hugepageLimits', 'network', 'rdma', 'unified'],
    ['allow', 'type', 'major', 'minor', 'access'],
    ['limit', 'reservation', 'swap', 'kernel', 'kernelTCP', 'swappiness', 'disableOOMKiller', 'useHierarchy', 'checkBeforeUpdate'],
    ['shares', 'quota', 'burst', 'period', 'realtimeRuntime', 'realtimePeriod', 'cpus', 'mems', 'idle'],
    ['weight', 'leafWeight', 'weightDevice', 'rate'],
    ['throttleReadBpsDevice', 'throttleWriteBpsDevice', 'throttleReadIOPSDevice', 'throttleWriteIOPSDevice'],
    ['pageSize', 'classID', 'priorities', 'name', 'priority', 'hcaHandles', 'hcaObjects'],
  ].flatMap((names) => names.map((name) => [name.toLowerCase(), name])),
)

/** Their keys are names of devices and files, not of fields. */
const MAPS = new Set(['unified', 'rdma'])

/** `value` with all keys that are fields of linux.resources in the spec's spelling; the last of several spellings counts. */
export const foldResourceKeys = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(foldResourceKeys)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value as JsonObject).map(([key, entry]) => {
      const name = FIELDS.get(key.toLowerCase()) ?? key
      return [name, MAPS.has(name) ? entry : foldResourceKeys(entry)]
    }),
  )
}
