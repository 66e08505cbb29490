/** Limits and priorities: prlimit(2), sched_setattr(2), sched_setaffinity(2), ioprio_set(2), personality(2). */
import * as ioprio from '../../sys/abi/ioprio.ts'
import * as personality from '../../sys/abi/personality.ts'
import * as resource from '../../sys/abi/resource.ts'
import { RLIM_INFINITY, RLIMIT64, RLIMITS } from '../../sys/abi/resource.ts'
import * as sched from '../../sys/abi/sched.ts'
import { SCHED_ATTR, SCHED_POLICIES } from '../../sys/abi/sched.ts'
import { enumeration, flags, flagsText, pick } from './constants.ts'
import { constant, int, type Kind, out, pid, pointer, type Signature, scalar, size, uint } from './kind.ts'
import { layout, struct } from './struct.ts'

const policy = enumeration(pick(SCHED_POLICIES, /^SCHED_/))
const schedAttr = struct(
  layout([
    ['size', SCHED_ATTR.size, 4, uint],
    ['sched_policy', SCHED_ATTR.sched_policy, 4, policy, 'always'],
    ['sched_flags', SCHED_ATTR.sched_flags, 8, flags(pick(sched, /^SCHED_FLAG_/))],
    ['sched_nice', SCHED_ATTR.sched_nice, 4, int],
    ['sched_priority', SCHED_ATTR.sched_priority, 4, uint],
    ['sched_runtime', SCHED_ATTR.sched_runtime, 8, size],
    ['sched_deadline', SCHED_ATTR.sched_deadline, 8, size],
    ['sched_period', SCHED_ATTR.sched_period, 8, size],
    ['sched_util_min', SCHED_ATTR.sched_util_min, 4, uint],
    ['sched_util_max', SCHED_ATTR.sched_util_max, 4, uint],
  ]),
)

/** A bit per processor: `[0-3 6]`. */
const cpuSet: Kind = pointer((at, scope) => {
  const bytes = scope.memory.bytes(at)
  if (bytes === undefined) return scope.memory.address(at)
  const length = constant(scope.args[1]) ?? bytes.length
  const ranges: [number, number][] = []
  for (let cpu = 0; cpu < 8 * Math.min(length, bytes.length); cpu += 1) {
    if (((bytes[cpu >> 3]! >> (cpu & 7)) & 1) === 0) continue
    const last = ranges.at(-1)
    if (last?.[1] === cpu - 1) last[1] = cpu
    else ranges.push([cpu, cpu])
  }
  return `[${ranges.map(([first, last]) => (first === last ? `${first}` : `${first}-${last}`)).join(' ')}]`
})

const limit: Kind = scalar((value) => (value === RLIM_INFINITY ? 'RLIM64_INFINITY' : String(value)))
const rlimit = struct(
  layout([
    ['rlim_cur', RLIMIT64.rlim_cur, 8, limit, 'always'],
    ['rlim_max', RLIMIT64.rlim_max, 8, limit, 'always'],
  ]),
)

const ioprioValue: Kind = scalar((value, scope) => {
  const name = IOPRIO_CLASS(value >> BigInt(ioprio.IOPRIO_CLASS_SHIFT), scope)
  return `IOPRIO_PRIO_VALUE(${name}, ${value & ((1n << BigInt(ioprio.IOPRIO_CLASS_SHIFT)) - 1n)})`
})
const IOPRIO_CLASS = enumeration(pick({ ...ioprio.IOPRIO_CLASSES, IOPRIO_CLASS_NONE: ioprio.IOPRIO_CLASS_NONE }, /^IOPRIO_CLASS_/))

const PERSONALITIES = pick(personality, /^(PER_LINUX32$|UNAME26|ADDR_|MMAP_|READ_|SHORT_|WHOLE_|STICKY_)/)
const persona: Kind = scalar((value, scope) =>
  value === 0n ? 'PER_LINUX' : BigInt.asUintN(32, value) === 0xffff_ffffn ? '0xffffffff' : flagsText(value, PERSONALITIES, scope),
)

export const LIMITS = {
  prlimit64: { pid, resource: enumeration(pick(RLIMITS, /^RLIMIT_/)), new_limit: rlimit, old_limit: out },
  setpriority: { which: enumeration(pick(resource, /^PRIO_/)), who: int, prio: int },
  sched_setscheduler: { pid, policy, param: struct(layout([['sched_priority', 0, 4, int, 'always']])) },
  sched_setattr: { pid, attr: schedAttr, flags: uint },
  sched_setaffinity: { pid, cpusetsize: size, mask: cpuSet },
  sched_getaffinity: { pid, cpusetsize: size, mask: out },
  ioprio_set: { which: enumeration(pick(ioprio, /^IOPRIO_WHO_/)), who: int, ioprio: ioprioValue },
  personality: { persona },
} as const satisfies Readonly<Record<string, Signature>>
