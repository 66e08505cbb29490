/** Accounting of block devices: blkio-controller.rst of cgroup v1, cgroup-v2.rst "IO Interface Files". */
import { tryReadCgroupFile } from '../file.ts'
import type { Home } from '../homes.ts'
import { readNested, readPressure } from './read.ts'
import type { IoEntry, IoStats } from './types.ts'

type Table = Exclude<keyof IoStats, 'pressure'>

const NOTHING: Readonly<Record<Table, readonly IoEntry[]>> = {
  serviceBytes: [],
  serviced: [],
  queued: [],
  serviceTime: [],
  waitTime: [],
  merged: [],
  time: [],
  sectors: [],
}

const FULL: Readonly<Partial<Record<Table, string>>> = {
  sectors: 'sectors_recursive',
  serviceTime: 'io_service_time_recursive',
  waitTime: 'io_wait_time_recursive',
  merged: 'io_merged_recursive',
  queued: 'io_queued_recursive',
  time: 'time_recursive',
  serviced: 'io_serviced_recursive',
  serviceBytes: 'io_service_bytes_recursive',
}

/** The files of the schedulers that account for I/O, best first: bfq, cfq (until Linux 5.0), and throttling, which is below all. */
const SOURCES: readonly { readonly prefix: string; readonly files: Readonly<Partial<Record<Table, string>>> }[] = [
  { prefix: 'blkio.bfq.', files: FULL },
  { prefix: 'blkio.', files: FULL },
  { prefix: 'blkio.throttle.', files: { serviced: 'io_serviced_recursive', serviceBytes: 'io_service_bytes_recursive' } },
  { prefix: 'blkio.throttle.', files: { serviced: 'io_serviced', serviceBytes: 'io_service_bytes' } },
]

/** Lines `8:0 Read 4096` or `8:0 4096`, and a total of all devices, which is left out. */
const parseEntries = (text: string): readonly IoEntry[] =>
  text.split('\n').flatMap((line) => {
    const [, major, minor, operation = '', value] = /^(\d+):(\d+) (?:(\w+) )?(\d+)$/.exec(line) ?? []
    return major === undefined ? [] : [{ major: Number(major), minor: Number(minor), operation, value: Number(value) }]
  })

const v1 = (dir: string): IoStats => {
  for (const { prefix, files } of SOURCES) {
    const tables: Partial<Record<Table, readonly IoEntry[]>> = {}
    for (const [table, file] of Object.entries(files) as [Table, string][]) {
      const text = tryReadCgroupFile(dir, prefix + file)
      if (text !== undefined) tables[table] = parseEntries(text)
    }
    // A scheduler that no device uses has files, but no lines in them.
    if (tables.serviceBytes?.length) return { ...NOTHING, ...tables }
  }
  return NOTHING
}

/** Keys of io.stat: the table they are for and the name of the operation in v1's. */
const KEYS: readonly (readonly [key: string, table: 'serviceBytes' | 'serviced', operation: string])[] = [
  ['rbytes', 'serviceBytes', 'Read'],
  ['wbytes', 'serviceBytes', 'Write'],
  ['dbytes', 'serviceBytes', 'Discard'],
  ['rios', 'serviced', 'Read'],
  ['wios', 'serviced', 'Write'],
  ['dios', 'serviced', 'Discard'],
]

const v2 = (dir: string): IoStats | undefined => {
  const lines = readNested(dir, 'io.stat')
  const pressure = readPressure(dir, 'io.pressure')
  if (lines === undefined && pressure === undefined) return undefined
  const tables: Record<'serviceBytes' | 'serviced', IoEntry[]> = { serviceBytes: [], serviced: [] }
  for (const [device, pairs] of lines ?? []) {
    const [major, minor] = device.split(':').map(Number)
    if (major === undefined || minor === undefined) continue
    for (const [key, table, operation] of KEYS) {
      const value = pairs.get(key)
      if (value !== undefined) tables[table].push({ major, minor, operation, value: Number(value) })
    }
  }
  return { ...NOTHING, ...tables, ...(pressure === undefined ? {} : { pressure }) }
}

export const ioStats = ({ version, dir }: Home): IoStats | undefined => (version === 1 ? v1(dir) : v2(dir))
