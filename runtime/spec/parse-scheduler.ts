/** runtime-spec 1.2, config.md "Linux Process", `scheduler`; what sched_setattr(2) refuses is refused here, before anything is made. */
import { InvalidField } from '../errors.ts'
import { SCHED_FLAGS } from '../sys/abi/sched.ts'
import { int32, integer, join, list, object, oneOf, optional, type Parse, required, uint53, wrong } from './field.ts'
import type { Scheduler, SchedulerFlag, SchedulerPolicy } from './types.ts'

const POLICIES: readonly SchedulerPolicy[] = ['SCHED_OTHER', 'SCHED_FIFO', 'SCHED_RR', 'SCHED_BATCH', 'SCHED_IDLE', 'SCHED_DEADLINE']

const policy = oneOf(POLICIES)
const flag = oneOf(Object.keys(SCHED_FLAGS) as SchedulerFlag[])
const nice = integer(-20, 19)

/** Nanoseconds: the kernel's DL_SCALE. */
const MIN_RUNTIME = 1024

const checkDeadline = ({ runtime = 0, deadline = 0, period = 0 }: Scheduler, path: string): void => {
  if (deadline === 0) throw wrong(join(path, 'deadline'), 'above 0 for SCHED_DEADLINE', deadline)
  if (runtime < MIN_RUNTIME) throw wrong(join(path, 'runtime'), `at least ${MIN_RUNTIME} for SCHED_DEADLINE`, runtime)
  if (runtime > deadline) throw wrong(join(path, 'runtime'), `no more than deadline (${deadline})`, runtime)
  if (period !== 0 && deadline > period) throw wrong(join(path, 'deadline'), `no more than period (${period})`, deadline)
}

const check = (scheduler: Scheduler, path: string): void => {
  const { policy, priority = 0 } = scheduler
  if (policy === 'SCHED_FIFO' || policy === 'SCHED_RR') {
    if (priority < 1 || priority > 99) throw wrong(join(path, 'priority'), `from 1 to 99 for ${policy}`, priority)
  } else if (priority !== 0) throw new InvalidField(join(path, 'priority'), `is only for SCHED_FIFO and SCHED_RR, policy is ${policy}`)
  if (policy === 'SCHED_DEADLINE') checkDeadline(scheduler, path)
  else
    for (const key of ['runtime', 'deadline', 'period'] as const)
      if (scheduler[key]) throw new InvalidField(join(path, key), `is only for SCHED_DEADLINE, policy is ${policy}`)
}

export const scheduler: Parse<Scheduler> = (value, path) => {
  const from = object(value, path)
  const parsed: Scheduler = {
    policy: required(from, path, 'policy', policy),
    nice: optional(from, path, 'nice', nice),
    priority: optional(from, path, 'priority', int32),
    flags: optional(from, path, 'flags', list(flag)),
    runtime: optional(from, path, 'runtime', uint53),
    deadline: optional(from, path, 'deadline', uint53),
    period: optional(from, path, 'period', uint53),
  }
  check(parsed, path)
  return parsed
}
