/** One operation of a program, before it is linked. */
import type { SyscallName } from '../sys/abi/syscalls.ts'
import type { Operand, Ref } from './operand.ts'

/** A place in the program that ops can go on at. */
export class Label {
  /** Index of the op it stands before; undefined until placed. */
  index: number | undefined
}

/** `next`: the op behind; `fail`: record this op and its result in the failure page and exit with 125. */
export type Next = Label | 'next' | 'fail'

export interface Op {
  readonly call: SyscallName | 'compute'
  readonly args: readonly Operand[]
  /** Where the result goes; undefined: nowhere. */
  readonly result: Ref | undefined
  /** How the printer calls the result. */
  readonly name: string | undefined
  readonly width: 4 | 8
  readonly positive: Next
  readonly zero: Next
  readonly negative: Next
  /** Of a compare: the value is a wait status, wait(2), and a failure is told in its words. */
  readonly waitStatus: boolean
  /** What the op is for, printed before its call: `mounts[3] /proc`. */
  readonly during: string | undefined
  /** A compare that decides whether a failure of `op` is tolerated: its own failure is that op's, whose result is off by `offset`. */
  readonly judges: { readonly op: Op; readonly offset: number } | undefined
}
