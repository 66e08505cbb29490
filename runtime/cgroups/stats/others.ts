/** Accounting of pids, huge pages and RDMA. */
import { readdirSync } from 'node:fs'
import { isErrno } from '../../sys/error.ts'
import type { Home } from '../homes.ts'
import { processesIn } from '../processes.ts'
import { readFlat, readNested, readNumber } from './read.ts'
import type { HugetlbStats, PidsStats, RdmaEntry, Stats } from './types.ts'

export const pidsStats = ({ dir }: Home): PidsStats => {
  const current = readNumber(dir, 'pids.current')
  // Where the controller is not enabled, processes can be counted, threads cannot.
  if (current === undefined) return { current: processesIn(dir, { recursive: false }).length }
  const limit = readNumber(dir, 'pids.max') ?? Number.POSITIVE_INFINITY
  return { current, ...(Number.isFinite(limit) ? { limit } : {}) }
}

/** Sizes as in the names of hugetlb files, from names like `hugepages-2048kB`. */
export const pageSizeName = (kilobytes: number): string => {
  if (kilobytes >= 1024 ** 2) return `${kilobytes / 1024 ** 2}GB`
  return kilobytes >= 1024 ? `${kilobytes / 1024}MB` : `${kilobytes}KB`
}

let sizes: readonly string[] | undefined

/** The huge page sizes of this kernel, Documentation/admin-guide/mm/hugetlbpage.rst. */
export const hugePageSizes = (): readonly string[] => {
  if (sizes !== undefined) return sizes
  let names: readonly string[] = []
  try {
    names = readdirSync('/sys/kernel/mm/hugepages')
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
  }
  sizes = names.flatMap((name) => /^hugepages-(\d+)kB$/.exec(name)?.[1] ?? []).map((size) => pageSizeName(Number(size)))
  return sizes
}

const hugetlbV1 = (dir: string, size: string): HugetlbStats | undefined => {
  for (const kind of [`${size}.rsvd`, size]) {
    const usage = readNumber(dir, `hugetlb.${kind}.usage_in_bytes`)
    if (usage === undefined) continue
    const peak = readNumber(dir, `hugetlb.${kind}.max_usage_in_bytes`) ?? 0
    return { usage, peak, failures: readNumber(dir, `hugetlb.${kind}.failcnt`) ?? 0 }
  }
  return undefined
}

const hugetlbV2 = (dir: string, size: string): HugetlbStats | undefined => {
  const usage = readNumber(dir, `hugetlb.${size}.rsvd.current`) ?? readNumber(dir, `hugetlb.${size}.current`)
  if (usage === undefined) return undefined
  return { usage, peak: 0, failures: readFlat(dir, `hugetlb.${size}.events`)?.['max'] ?? 0 }
}

export const hugetlbStats = ({ version, dir }: Home): Stats['hugetlb'] => {
  const read = version === 1 ? hugetlbV1 : hugetlbV2
  return Object.fromEntries(
    hugePageSizes().flatMap((size) => {
      const stats = read(dir, size)
      return stats === undefined ? [] : [[size, stats] as const]
    }),
  )
}

const entry = (pairs: ReadonlyMap<string, string> | undefined): RdmaEntry => {
  const number = (name: string): number | undefined => {
    const text = pairs?.get(name)
    return text === undefined || text === 'max' ? undefined : Number(text)
  }
  const handles = number('hca_handle')
  const objects = number('hca_object')
  return { ...(handles === undefined ? {} : { handles }), ...(objects === undefined ? {} : { objects }) }
}

export const rdmaStats = ({ dir }: Home): Stats['rdma'] => {
  const limits = readNested(dir, 'rdma.max')
  return Object.fromEntries(
    [...(readNested(dir, 'rdma.current') ?? [])].map(([device, pairs]) => [
      device,
      { current: entry(pairs), limit: entry(limits?.get(device)) },
    ]),
  )
}
