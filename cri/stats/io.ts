/** Accounting of block devices: blkio-controller.rst of cgroup v1, cgroup-v2.rst "IO Interface Files". */
import { readFileSync } from 'node:fs'
import type { Pressure } from '../../runtime/cgroups/stats/types.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { KeptFile } from './kept-file.ts'
import type { Places } from './places.ts'
import { pressureIn } from './text.ts'

export interface DeviceUsage {
  /** `8:0` */
  readonly device: string
  readonly readBytes: number
  readonly writtenBytes: number
  readonly reads: number
  readonly writes: number
}

type Counters = { -readonly [K in Exclude<keyof DeviceUsage, 'device'>]: number }

/** bfq counts where it is the scheduler, throttling below all schedulers. */
const V1 = [
  { bytes: 'blkio.bfq.io_service_bytes_recursive', count: 'blkio.bfq.io_serviced_recursive' },
  { bytes: 'blkio.throttle.io_service_bytes_recursive', count: 'blkio.throttle.io_serviced_recursive' },
]

const V2_KEYS = { rbytes: 'readBytes', wbytes: 'writtenBytes', rios: 'reads', wios: 'writes' } as const
const V1_KEYS = { bytes: { Read: 'readBytes', Write: 'writtenBytes' }, count: { Read: 'reads', Write: 'writes' } } as const

export class IoFiles {
  readonly #stat: KeptFile | undefined
  readonly #v1: readonly { readonly bytes: KeptFile; readonly count: KeptFile }[]
  readonly #pressure: KeptFile | undefined

  constructor({ io }: Places) {
    const file = (name: string): KeptFile => new KeptFile(`${io?.dir}/${name}`)
    if (io?.version === 2) [this.#stat, this.#pressure] = [file('io.stat'), file('io.pressure')]
    this.#v1 = io?.version === 1 ? V1.map(({ bytes, count }) => ({ bytes: file(bytes), count: file(count) })) : []
  }

  pressure(): Pressure | undefined {
    return pressureIn(this.#pressure?.read())
  }

  devices(): DeviceUsage[] {
    const found = new Map<string, Counters>()
    const add = (device: string, key: keyof Counters, value: number): void => {
      const counters = found.get(device) ?? { readBytes: 0, writtenBytes: 0, reads: 0, writes: 0 }
      counters[key] += value
      found.set(device, counters)
    }
    for (const line of this.#stat?.read()?.split('\n') ?? []) {
      const [device, ...pairs] = line.split(' ')
      for (const pair of pairs) {
        const [name, value] = pair.split('=')
        if (name !== undefined && name in V2_KEYS) add(device!, V2_KEYS[name as keyof typeof V2_KEYS], Number(value))
      }
    }
    for (const files of this.#v1) {
      for (const kind of ['bytes', 'count'] as const)
        for (const line of files[kind].read()?.split('\n') ?? []) {
          const [device, operation, value] = line.split(' ')
          if (operation === 'Read' || operation === 'Write') add(device!, V1_KEYS[kind][operation], Number(value))
        }
      // a scheduler that no device uses has files, but no lines in them
      if (found.size > 0) break
    }
    return [...found].map(([device, counters]) => ({ device, ...counters }))
  }

  close(): void {
    for (const file of [this.#stat, this.#pressure, ...this.#v1.flatMap(({ bytes, count }) => [bytes, count])]) file?.close()
  }
}

const names = new Map<string, string>()

/** `/dev/sda` for `8:0`; the numbers where it has no name: they may be of a file system without a device. */
export const deviceName = (device: string): string => {
  let name = names.get(device)
  if (name === undefined) {
    try {
      const found = /^DEVNAME=(.+)$/m.exec(readFileSync(`/sys/dev/block/${device}/uevent`, 'utf8'))?.[1]
      name = found === undefined ? device : `/dev/${found}`
    } catch (error) {
      if (!isErrno(error, 'ENOENT', 'ENODEV')) throw error
      name = device
    }
    names.set(device, name)
  }
  return name
}
