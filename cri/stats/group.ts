/** What is read of one cgroup again and again: a container’s, or a pod’s. */
import { CpuFiles } from './cpu.ts'
import { HugetlbFiles } from './hugetlb.ts'
import { IoFiles } from './io.ts'
import { MemoryFiles } from './memory.ts'
import type { Places } from './places.ts'
import { ProcessFiles } from './processes.ts'
import { Rate } from './rate.ts'

export class Group {
  /** As cAdvisor names it. */
  readonly path: string
  readonly cpu: CpuFiles
  readonly rate = new Rate()
  readonly memory: MemoryFiles
  readonly io: IoFiles
  readonly processes: ProcessFiles
  readonly hugetlb: HugetlbFiles

  constructor(places: Places) {
    this.path = places.path
    this.cpu = new CpuFiles(places)
    this.memory = new MemoryFiles(places)
    this.io = new IoFiles(places)
    this.processes = new ProcessFiles(places)
    this.hugetlb = new HugetlbFiles(places)
  }

  close(): void {
    for (const files of [this.cpu, this.memory, this.io, this.processes, this.hugetlb]) files.close()
  }
}
