/** Memory of a cgroup: memory.rst of cgroup v1, cgroup-v2.rst "Memory Interface Files". */
import type { Pressure } from '../../runtime/cgroups/stats/types.ts'
import { KeptFile } from './kept-file.ts'
import type { Places } from './places.ts'
import { limitIn, numberIn, pressureIn, numberAt } from './text.ts'

/** Bytes, except for counters of faults. Of the cgroup and all below it. */
export interface Memory {
  readonly usage: number
  /** What cannot be dropped at once: usage without the inactive page cache. */
  readonly workingSet: number
  /** Absent: none. */
  readonly limit?: number
  readonly rss: number
  readonly cache: number
  readonly mappedFile: number
  readonly activeFile: number
  readonly inactiveFile: number
  readonly faults: number
  readonly majorFaults: number
  /** Absent where swap is not accounted for. */
  readonly swap?: { readonly usage: number; readonly limit?: number }
  readonly pressure?: Pressure
}

/** What only metrics tell. */
export interface MemoryHistory {
  readonly peak: number
  /** Times that the limit was hit. */
  readonly failures: number
  /** Bytes that the kernel needs for it. */
  readonly kernel: number
  readonly oomKills: number
}

/** Names of lines in memory.stat. */
const KEYS = {
  1: {
    inactiveFile: 'total_inactive_file',
    activeFile: 'total_active_file',
    rss: 'total_rss',
    cache: 'total_cache',
    mappedFile: 'total_mapped_file',
    faults: 'total_pgfault',
    majorFaults: 'total_pgmajfault',
  },
  2: {
    inactiveFile: 'inactive_file',
    activeFile: 'active_file',
    rss: 'anon',
    cache: 'file',
    mappedFile: 'file_mapped',
    faults: 'pgfault',
    majorFaults: 'pgmajfault',
  },
} as const

/** By version; swap is without memory on v2, with it on v1. */
const FILES = {
  1: { usage: 'memory.usage_in_bytes', limit: 'memory.limit_in_bytes', swapLimit: 'memory.memsw.limit_in_bytes' },
  2: { usage: 'memory.current', limit: 'memory.max', swapLimit: 'memory.swap.max' },
} as const

export class MemoryFiles {
  readonly #version: 1 | 2
  readonly #files: Readonly<Record<'usage' | 'limit' | 'swapLimit' | 'stat', KeptFile>> | undefined
  readonly #swap: KeptFile | undefined
  readonly #pressure: KeptFile | undefined
  readonly #history: readonly KeptFile[]

  constructor({ memory }: Places) {
    this.#version = memory?.version ?? 1
    this.#history = []
    if (memory === undefined) return
    const { dir, version } = memory
    const file = (name: string): KeptFile => new KeptFile(`${dir}/${name}`)
    const names = FILES[version]
    this.#files = {
      stat: file('memory.stat'),
      usage: file(names.usage),
      limit: file(names.limit),
      swapLimit: file(names.swapLimit),
    }
    if (version === 2) [this.#swap, this.#pressure] = [file('memory.swap.current'), file('memory.pressure')]
    this.#history = (
      version === 1
        ? ['memory.max_usage_in_bytes', 'memory.failcnt', 'memory.kmem.usage_in_bytes', 'memory.oom_control']
        : ['memory.peak', 'memory.events']
    ).map(file)
  }

  read(): Memory | undefined {
    const stat = this.#files?.stat.read()
    const usage = numberIn(this.#files?.usage.read())
    if (stat === undefined || usage === undefined) return undefined
    const keys = KEYS[this.#version]
    const value = (key: keyof typeof keys): number => numberAt(stat, keys[key]) ?? 0
    const inactiveFile = value('inactiveFile')
    const limit = limitIn(this.#files?.limit.read())
    const swap = this.#readSwap(stat, limit)
    const pressure = pressureIn(this.#pressure?.read())
    return {
      usage,
      workingSet: Math.max(0, usage - inactiveFile),
      ...(limit === undefined ? {} : { limit }),
      rss: value('rss'),
      cache: value('cache'),
      mappedFile: value('mappedFile'),
      activeFile: value('activeFile'),
      inactiveFile,
      faults: value('faults'),
      majorFaults: value('majorFaults'),
      ...(swap === undefined ? {} : { swap }),
      ...(pressure === undefined ? {} : { pressure }),
    }
  }

  #readSwap(stat: string, memoryLimit: number | undefined): Memory['swap'] {
    const usage = this.#version === 1 ? numberAt(stat, 'total_swap') : numberIn(this.#swap?.read())
    if (usage === undefined) return undefined
    const limit = limitIn(this.#files?.swapLimit.read())
    if (limit === undefined) return { usage }
    return { usage, limit: this.#version === 1 ? Math.max(0, limit - (memoryLimit ?? 0)) : limit }
  }

  history(): MemoryHistory | undefined {
    const texts = this.#history.map((file) => file.read())
    if (this.#version === 1) {
      const [peak, failures, kernel] = texts.map(numberIn)
      if (peak === undefined) return undefined
      return { peak, failures: failures ?? 0, kernel: kernel ?? 0, oomKills: numberAt(texts[3] ?? '', 'oom_kill') ?? 0 }
    }
    const [peak, events] = texts
    if (events === undefined) return undefined
    const stat = this.#files?.stat.read() ?? ''
    return {
      // since Linux 5.19
      peak: numberIn(peak) ?? 0,
      failures: numberAt(events, 'max') ?? 0,
      kernel: numberAt(stat, 'kernel') ?? numberAt(stat, 'kernel_stack') ?? 0,
      oomKills: numberAt(events, 'oom_kill') ?? 0,
    }
  }

  close(): void {
    for (const file of [...Object.values(this.#files ?? {}), this.#swap, this.#pressure, ...this.#history]) file?.close()
  }
}
