/**
 * Takes the jumps out of a program: every op says for itself where it goes on, so one that leads to a jump can lead to where the
 * jump leads. An op is 96 bytes of every keeper's memory.
 */
import type { Program } from '../../program/assembler.ts'
import { Label, type Next, type Op } from '../../program/op.ts'
import type { SyscallName } from '../../sys/abi/syscalls.ts'

/** After these nothing follows on success. */
const ENDS: ReadonlySet<SyscallName | 'compute'> = new Set(['exit', 'exit_group', 'execve', 'execveat'])

const isJump = ({ call, args, result, positive, zero, negative }: Op): boolean =>
  call === 'compute' &&
  result === undefined &&
  args.every((arg) => arg === 0) &&
  positive instanceof Label &&
  positive === zero &&
  zero === negative

/** Only for a program that is complete: indices of its ops change, and labels that were placed in it are void. */
export const threadJumps = (program: Program): void => {
  const { ops } = program
  const targetOf = (next: Next, index: number): number | 'fail' => {
    if (next === 'fail') return 'fail'
    let target = next === 'next' ? index + 1 : next.index
    for (let steps = 0; target !== undefined && target < ops.length && isJump(ops[target]!); steps += 1) {
      if (steps > ops.length) throw new Error('a jump leads to itself')
      target = (ops[target]!.positive as Label).index
    }
    if (target === undefined) throw new Error(`op ${index} goes on at a label that was never placed`)
    return target
  }
  const successors = (index: number): (number | 'fail')[] => {
    const { call, positive, zero, negative } = ops[index]!
    return (ENDS.has(call) ? [negative] : [positive, zero, negative]).map((next) => targetOf(next, index))
  }

  const first = targetOf('next', -1)
  const reached = new Set<number>()
  for (const pending = [first]; pending.length > 0; ) {
    const index = pending.pop()!
    if (index === 'fail' || index >= ops.length || reached.has(index)) continue
    reached.add(index)
    pending.push(...successors(index))
  }
  const kept = ops
    .keys()
    .filter((index) => reached.has(index))
    .toArray()
  if (kept[0] !== first) throw new Error('a program begins with its first op')
  const places = new Map(kept.map((index, place) => [index, place]))
  const replaced = new Map<Op, Op>()
  const threaded = kept.map((index, place): Op => {
    const op = ops[index]!
    const judged = op.judges === undefined ? undefined : { ...op.judges, op: replaced.get(op.judges.op)! }
    const lead = (next: Next): Next => {
      const target = targetOf(next, index)
      if (target === 'fail') return 'fail'
      const to = places.get(target)
      if (to === undefined || to === place + 1) return 'next'
      const label = new Label()
      label.index = to
      return label
    }
    const lone: Op = { ...op, positive: lead(op.positive), zero: lead(op.zero), negative: lead(op.negative), judges: judged }
    replaced.set(op, lone)
    return lone
  })
  ops.splice(0, ops.length, ...threaded)
}
