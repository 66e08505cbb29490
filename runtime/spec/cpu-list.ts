import { type Parse, text, wrong } from './field.ts'

export type CpuRange = readonly [first: number, last: number]

const ALLOWED = 'a list of numbers and ranges (such as 0-3,7)'
/** CPU_SETSIZE: what cpu_set_t of sched_setaffinity(2) holds. */
export const CPU_SETSIZE = 1024

const RANGE = /^(\d{1,5})(?:-(\d{1,5})(?::\d{1,5}\/\d{1,5})?)?$/

/** cpuset(7), "List format", as the kernel reads it: blanks and empty entries are passed over, a stride is allowed. */
const ranges = (list: string): CpuRange[] | undefined => {
  const found: CpuRange[] = []
  for (const entry of list.split(',')) {
    const word = entry.trim()
    if (word === '') continue
    const match = RANGE.exec(word)
    if (match === null) return undefined
    const first = Number(match[1])
    const last = match[2] === undefined ? first : Number(match[2])
    if (first > last) return undefined
    found.push([first, last])
  }
  return found
}

/** linux.resources.cpu.cpus and mems. */
export const cpusetList: Parse<string> = (value, path) => {
  if (ranges(text(value, path)) === undefined) throw wrong(path, ALLOWED, value)
  return value as string
}

/** process.execCPUAffinity, runc's `--cpu-affinity`: no strides, no number from CPU_SETSIZE on. */
export const parseCpuAffinity = (list: string, path: string): readonly CpuRange[] => {
  const found = list.includes(':') ? undefined : ranges(list)
  if (found === undefined || found.length === 0 || found.some(([, last]) => last >= CPU_SETSIZE))
    throw wrong(path, `${ALLOWED} below ${CPU_SETSIZE}`, list)
  return found
}

export const cpuAffinity: Parse<string> = (value, path) => {
  parseCpuAffinity(text(value, path), path)
  return value as string
}
