/** CPU time of a cgroup: cpuacct.rst of cgroup v1, sched-bwc.rst, cgroup-v2.rst "CPU Interface Files". */
import type { Pressure } from '../../runtime/cgroups/stats/types.ts'
import { KeptFile } from './kept-file.ts'
import type { Places } from './places.ts'
import { numberIn, pressureIn, numberAt } from './text.ts'

/** USER_HZ is 100 on all architectures, time(7). */
const NANOSECONDS_PER_TICK = 1e9 / 100

export interface Cpu {
  /** Nanoseconds of CPU time since the cgroup exists. */
  readonly total: number
  readonly pressure?: Pressure
}

/** Nanoseconds. */
export interface CpuTimes {
  readonly user: number
  readonly system: number
  readonly periods: number
  readonly throttledPeriods: number
  readonly throttledTime: number
}

export class CpuFiles {
  readonly #version: 1 | 2
  /** v1: cpuacct.usage, v2: cpu.stat, which has everything. */
  readonly #total: KeptFile | undefined
  readonly #stat: KeptFile | undefined
  readonly #ticks: KeptFile | undefined
  readonly #pressure: KeptFile | undefined

  constructor({ cpu, cpuacct }: Places) {
    this.#version = cpu?.version === 2 ? 2 : 1
    if (cpu?.version === 2) {
      this.#total = this.#stat = new KeptFile(`${cpu.dir}/cpu.stat`)
      this.#pressure = new KeptFile(`${cpu.dir}/cpu.pressure`)
      return
    }
    if (cpu !== undefined) this.#stat = new KeptFile(`${cpu.dir}/cpu.stat`)
    if (cpuacct === undefined) return
    this.#total = new KeptFile(`${cpuacct}/cpuacct.usage`)
    this.#ticks = new KeptFile(`${cpuacct}/cpuacct.stat`)
  }

  read(): Cpu | undefined {
    const text = this.#total?.read()
    if (text === undefined) return undefined
    const total = this.#version === 1 ? numberIn(text) : microseconds(text, 'usage_usec')
    if (total === undefined) return undefined
    const pressure = pressureIn(this.#pressure?.read())
    return { total, ...(pressure === undefined ? {} : { pressure }) }
  }

  times(): CpuTimes | undefined {
    const stat = this.#stat?.read()
    const ticks = this.#version === 1 ? this.#ticks?.read() : stat
    if (ticks === undefined) return undefined
    const time = (v1: string, v2: string): number =>
      this.#version === 1 ? (numberAt(ticks, v1) ?? 0) * NANOSECONDS_PER_TICK : (microseconds(ticks, v2) ?? 0)
    return {
      user: time('user', 'user_usec'),
      system: time('system', 'system_usec'),
      periods: numberAt(stat ?? '', 'nr_periods') ?? 0,
      throttledPeriods: numberAt(stat ?? '', 'nr_throttled') ?? 0,
      throttledTime: (this.#version === 1 ? numberAt(stat ?? '', 'throttled_time') : microseconds(stat ?? '', 'throttled_usec')) ?? 0,
    }
  }

  close(): void {
    for (const file of [this.#total, this.#stat, this.#ticks, this.#pressure]) file?.close()
  }
}

/** As nanoseconds. */
const microseconds = (text: string, key: string): number | undefined => {
  const value = numberAt(text, key)
  return value === undefined ? undefined : value * 1000
}
