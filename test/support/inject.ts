/** Fault injection: makes one op of a program fail, so that a test can see what is undone. */
import type { Program } from '../../runtime/program/assembler.ts'
import type { Op } from '../../runtime/program/op.ts'
import { ERRNO, type ErrnoName } from '../../runtime/sys/abi/errno.ts'

/**
 * From the next link on the system call at `index` is not made; its result is the error. What follows from that (tolerated,
 * handled, or the end of the program) is what would follow from a real error, and the failure names the call.
 */
export const injectFailure = (program: Program, index: number, errno: ErrnoName | number): void => {
  const op = program.ops[index]
  if (op === undefined) throw new RangeError(`no op ${index}`)
  if (op.call === 'compute') throw new TypeError(`op ${index} is not a system call`)
  const number = typeof errno === 'number' ? errno : ERRNO[errno]
  program.ops[index] = { ...op, call: 'compute', args: [0, 0, 0, 0, -number], judges: { op: origin(op), offset: 0 } }
}

const origin = (op: Op): Op => op.judges?.op ?? op

/** The indexes of the system calls of a program: what can be made to fail. */
export const callsOf = (program: Program): number[] => program.ops.flatMap(({ call }, index) => (call === 'compute' ? [] : [index]))
