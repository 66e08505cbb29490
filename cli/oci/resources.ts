/** The resource limits that `update` is given, in the shape of linux.resources. */
import { WherryError } from '../../runtime/errors.ts'
import { parseSize } from '../support/size.ts'

export interface ResourceFlags {
  readonly 'blkio-weight'?: number
  readonly 'cpu-period'?: string
  readonly 'cpu-quota'?: string
  readonly 'cpu-burst'?: string
  readonly 'cpu-share'?: string
  readonly 'cpu-rt-period'?: string
  readonly 'cpu-rt-runtime'?: string
  readonly 'cpu-idle'?: string
  readonly 'cpuset-cpus'?: string
  readonly 'cpuset-mems'?: string
  readonly memory?: string
  readonly 'memory-reservation'?: string
  readonly 'memory-swap'?: string
  readonly 'pids-limit'?: number
}

const wrongValue = (flag: string, text: string, wanted: string): WherryError =>
  new WherryError('invalid-argument', `--${flag}: ${JSON.stringify(text)} is not ${wanted}`)

/** The empty string is no value: callers pass on what they were not given. */
const whole = (flags: ResourceFlags, flag: keyof ResourceFlags): number | undefined => {
  const text = String(flags[flag] ?? '')
  if (text === '') return undefined
  const number = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
  if (!Number.isSafeInteger(number)) throw wrongValue(flag, text, 'a whole number')
  return number
}

const bytes = (flags: ResourceFlags, flag: 'memory' | 'memory-reservation' | 'memory-swap'): bigint | undefined => {
  const text = flags[flag] ?? ''
  if (text === '') return undefined
  const size = text === '-1' ? -1n : parseSize(text)
  if (size === undefined) throw wrongValue(flag, text, 'a number of bytes, a size like 512M, or -1')
  return size
}

/** linux.resources of the flags, not yet checked for ranges. */
export const resourcesOfFlags = (flags: ResourceFlags): unknown => ({
  memory: { limit: bytes(flags, 'memory'), reservation: bytes(flags, 'memory-reservation'), swap: bytes(flags, 'memory-swap') },
  cpu: {
    shares: whole(flags, 'cpu-share'),
    quota: whole(flags, 'cpu-quota'),
    burst: whole(flags, 'cpu-burst'),
    period: whole(flags, 'cpu-period'),
    realtimeRuntime: whole(flags, 'cpu-rt-runtime'),
    realtimePeriod: whole(flags, 'cpu-rt-period'),
    idle: whole(flags, 'cpu-idle'),
    cpus: flags['cpuset-cpus'],
    mems: flags['cpuset-mems'],
  },
  blockIO: { weight: flags['blkio-weight'] },
  ...(flags['pids-limit'] === undefined ? {} : { pids: { limit: flags['pids-limit'] } }),
})
