/** Huge pages of a cgroup: hugetlb.rst of cgroup v1, cgroup-v2.rst "HugeTLB Interface Files". */
import { hugePageSizes } from '../../runtime/cgroups/stats/others.ts'
import { KeptFile } from './kept-file.ts'
import type { Places } from './places.ts'
import { numberIn } from './text.ts'

export interface HugePages {
  /** `2MB` */
  readonly size: string
  /** Bytes. */
  readonly usage: number
  /** Absent on v2, which keeps none. */
  readonly peak?: number
}

export class HugetlbFiles {
  readonly #sizes: readonly { readonly size: string; readonly usage: KeptFile; readonly peak?: KeptFile }[]

  constructor({ hugetlb }: Places) {
    this.#sizes =
      hugetlb === undefined
        ? []
        : hugePageSizes().map((size) => {
            const prefix = `${hugetlb.dir}/hugetlb.${size}`
            return hugetlb.version === 2
              ? { size, usage: new KeptFile(`${prefix}.current`) }
              : { size, usage: new KeptFile(`${prefix}.usage_in_bytes`), peak: new KeptFile(`${prefix}.max_usage_in_bytes`) }
          })
  }

  read(): HugePages[] {
    return this.#sizes.flatMap(({ size, usage, peak }) => {
      const bytes = numberIn(usage.read())
      const most = numberIn(peak?.read())
      return bytes === undefined ? [] : [{ size, usage: bytes, ...(most === undefined ? {} : { peak: most }) }]
    })
  }

  close(): void {
    for (const { usage, peak } of this.#sizes) for (const file of [usage, peak]) file?.close()
  }
}
