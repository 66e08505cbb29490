/** Where the ops of a program go on. */
import { errnoName } from '../sys/abi/errno.ts'
import type { Program } from './assembler.ts'
import type { Next, Op } from './op.ts'

/** The index of an op, or the end of the program with a failure. */
export type Target = number | 'fail'

export interface Flow {
  /** The op that is next in the listing. */
  readonly behind: number
  readonly positive: Target
  readonly zero: Target
  readonly negative: Target
  /** Errors that do not count as one, with where they lead. */
  readonly tolerated: readonly { readonly code: string; readonly to: Target }[]
}

const target = (next: Next, index: number): Target => {
  if (next === 'fail') return next
  const to = next === 'next' ? index + 1 : next.index
  if (to === undefined) throw new Error(`op ${index} goes on at a label that was never placed`)
  return to
}

/** How many compares behind an op decide whether its failure is tolerated: they are part of it. */
const judgesOf = ({ ops }: Program, index: number): Op[] => {
  const judges: Op[] = []
  for (let at = index + 1; ops[at]?.judges?.op === ops[index] && ops[index] !== undefined; at += 1) judges.push(ops[at]!)
  return judges
}

/** Whether an op is shown as a part of the op before it. */
export const isJudge = ({ ops }: Program, index: number): boolean => {
  const judged = ops[index]?.judges?.op
  if (judged === undefined) return false
  let at = index - 1
  while (ops[at]?.judges?.op === judged) at -= 1
  return ops[at] === judged
}

export const flowOf = (program: Program, index: number): Flow => {
  const op = program.ops[index]
  if (op === undefined) throw new RangeError(`no op ${index}`)
  const judges = judgesOf(program, index)
  const last = judges.at(-1)
  return {
    behind: index + 1 + judges.length,
    positive: target(op.positive, index),
    zero: target(op.zero, index),
    negative: last === undefined ? target(op.negative, index) : target(last.negative, index + judges.length),
    tolerated: judges.map((judge, at) => ({ code: errnoName(-judge.judges!.offset), to: target(judge.zero, index + 1 + at) })),
  }
}

/** Ops from `first` up to `end` that are set off from those around them. */
export interface Section {
  /** The call that leads there. */
  readonly of: number
  readonly first: number
  readonly end: number
}

/** The code of the children that lies between the call that makes one and where its parent goes on. */
export const childrenOf = (program: Program): Section[] =>
  program.ops.flatMap((op, of) => {
    if (op.call !== 'clone' && op.call !== 'clone3') return []
    const { behind, positive, zero } = flowOf(program, of)
    return zero === behind && positive !== 'fail' && positive > zero ? [{ of, first: zero, end: positive }] : []
  })

/** What is done before the program fails as a call did (Program.callOr): it ends with an op that judges that call and always fails. */
export const failuresOf = (program: Program): Section[] =>
  program.ops.flatMap((last, index) => {
    const of = last.judges === undefined ? -1 : program.ops.indexOf(last.judges.op)
    if (of < 0 || last.positive !== 'fail' || last.zero !== 'fail' || last.negative !== 'fail') return []
    const { behind, positive, zero, negative } = flowOf(program, of)
    return negative === behind && positive === zero && positive === index + 1 ? [{ of, first: behind, end: index + 1 }] : []
  })
