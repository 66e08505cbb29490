/** Which paths of /proc and /sys are masked, and which read-only: docker's. */
import { globPattern } from '../../support/glob.ts'
import type { SecurityRequest } from '../request.ts'

export const MASKED: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
]

export const READONLY: readonly string[] = ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger']

/** podman's `unmask` takes patterns. */
const matcher = (patterns: readonly string[]): ((path: string) => boolean) => {
  const expressions = patterns.map((pattern) => globPattern(pattern)).filter((expression) => expression !== undefined)
  return (path) => patterns.includes(path) || expressions.some((expression) => expression.test(path))
}

export const restrictedPaths = ({
  privileged,
  mask,
  unmask,
}: Pick<SecurityRequest, 'privileged' | 'mask' | 'unmask'>): {
  readonly maskedPaths: readonly string[]
  readonly readonlyPaths: readonly string[]
} => {
  if (privileged || unmask.includes('ALL')) return { maskedPaths: mask, readonlyPaths: [] }
  const open = matcher(unmask)
  return {
    maskedPaths: [...new Set([...MASKED.filter((path) => !open(path)), ...mask])],
    readonlyPaths: READONLY.filter((path) => !open(path)),
  }
}
