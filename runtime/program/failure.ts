/** What the failure page says, as the error of the call that failed. */
import { SyscallError, type SyscallErrorOptions } from '../sys/error.ts'
import { hintFor } from '../sys/hints.ts'
import { errnoName } from '../sys/abi/errno.ts'
import { signalName } from '../sys/abi/signal.ts'
import { wexitstatus, wifsignaled, wtermsig } from '../sys/abi/wait.ts'
import { briefArguments, isCall } from './call.ts'
import { wantedRelation } from './compute.ts'
import { comparisonOf } from './expression.ts'
import type { Image } from './link.ts'
import type { Op } from './op.ts'
import type { Page } from './page.ts'
import { View } from './view.ts'

/** What has to be known of an op to tell of its failure, as plain data: whoever reads the page need not have the program. */
export interface OpDescription {
  /** Name of the call; `check` for a compare. */
  readonly syscall: string
  /** As they are printed. */
  readonly args: readonly string[]
  readonly during?: string
  /** What is to be added to the result in the page: a judge has subtracted an errno, a compare its constant. Decimal, 64 bits. */
  readonly offset?: string
  /** Of a compare: how far the value that was looked at is to be shifted to the right. */
  readonly shift?: number
  /** Of a compare: the value is a wait status. */
  readonly waitStatus?: boolean
}

/** Descriptions of the ops that can fail, by their address. JSON. */
export type OpDescriptions = Readonly<Record<string, OpDescription>>

/** A result that is no error and yet not what was wanted: the end of a file, a compare that comes out wrong. */
export class UnexpectedResult extends SyscallError {
  constructor(syscall: string, outcome: string, options: SyscallErrorOptions) {
    super(syscall, 0, options)
    const hint = options.hint === undefined ? '' : ` (${options.hint})`
    const during = options.during === undefined ? '' : `${options.during}: `
    const call = options.bare === true ? '' : `${[syscall, ...this.args].join(' ')}: `
    this.message = `${during}${call}${outcome}${hint}`
  }
}

const optional = (during: string | undefined) => (during === undefined ? {} : { during })

const describe = (view: View, op: Op): OpDescription => {
  view.show(view.program.ops.indexOf(op))
  const judged = op.judges
  if (judged !== undefined) {
    const { offset: _, ...description } = describe(view, judged.op)
    return judged.offset === 0 ? description : { ...description, offset: String(judged.offset) }
  }
  if (isCall(op)) return { syscall: op.call, args: briefArguments(op, view), ...optional(op.during) }
  if (op.waitStatus === true) return { syscall: 'wait4', args: [], ...optional(op.during), waitStatus: true }
  const compared = comparisonOf(op, view)
  if (compared === undefined) return { syscall: 'compute', args: [], ...optional(op.during) }
  const { left, right, value, shift } = compared
  const args = [`${left} ${wantedRelation(op)} ${right}`]
  return { syscall: 'check', args, ...optional(op.during), offset: String(value), shift }
}

const canFail = ({ positive, zero, negative }: Op): boolean => [positive, zero, negative].includes('fail')

/** For another process than the compiler, which reads the page: the ops from `fromIndex` on. */
export const describeOps = (image: Image, fromIndex = 0): OpDescriptions => {
  const view = new View(image.program, { brief: true })
  const descriptions: Record<string, OpDescription> = {}
  for (const [index, op] of image.program.ops.entries())
    if (index >= fromIndex && canFail(op)) descriptions[image.addressOf(index)] = describe(view, op)
  return descriptions
}

/** `e overlay: …` as fsopen(2) lets one read it, one line each. */
const messageOf = (page: Page): string | undefined => {
  const lines = page.message.split('\n').map((line) => line.replace(/^[ewi] /, '').trim())
  const text = lines.filter((line) => line !== '').join(', ')
  return text === '' ? undefined : text
}

/** How a process ended, in the words of strsignal(3). */
const endOf = (status: number): string =>
  wifsignaled(status)
    ? (SIGNAL_TEXTS[wtermsig(status)] ?? `ended by ${signalName(wtermsig(status)) ?? wtermsig(status)}`)
    : `exit status ${wexitstatus(status)}`

const SIGNAL_TEXTS: Readonly<Record<number, string>> = { 9: 'killed', 11: 'segmentation fault', 15: 'terminated', 31: 'bad system call' }

const errorOf = ({ syscall, args, during, offset, shift, waitStatus }: OpDescription, page: Page, recorded: number): SyscallError => {
  const result = BigInt.asIntN(64, BigInt(recorded) + BigInt(offset ?? 0))
  const message = messageOf(page)
  const failed = shift === undefined && waitStatus !== true && result < 0n && result >= -4095n
  const known = failed ? hintFor(syscall, errnoName(-Number(result)), args) : undefined
  const hint = [message, known].filter((text) => text !== undefined).join('; ')
  // what was executed is what it is about: the call would only say it again
  const bare = during !== undefined && (waitStatus === true || syscall === 'execve')
  const options: SyscallErrorOptions = { args, bare, ...optional(during), ...(hint === '' ? {} : { hint }) }
  if (failed) return new SyscallError(syscall, -Number(result), options)
  if (waitStatus === true) return new UnexpectedResult(syscall, endOf(Number(result)), options)
  if (shift === undefined) return new UnexpectedResult(syscall, `returned ${result}`, options)
  const value = BigInt.asUintN(64, result) >> BigInt(shift)
  return new UnexpectedResult(syscall, `is ${value < 10n ? value : `0x${value.toString(16)}`}`, options)
}

/** The first failure of a program that `describeOps` has described; undefined where none is in the page. */
export const failureFrom = (descriptions: OpDescriptions, page: Page): SyscallError | undefined => {
  if (page.failure === undefined) return undefined
  const { address, result } = page.failure
  const description = descriptions[address] ?? { syscall: `op at 0x${address.toString(16)}`, args: [] }
  return errorOf(description, page, result)
}

/** The first failure of a program; undefined where none is in the page. */
export const failureOf = (image: Image, page: Page): SyscallError | undefined => {
  const op = page.failure === undefined ? undefined : image.opAt(page.failure.address)
  if (op === undefined) return failureFrom({}, page)
  return failureFrom({ [page.failure!.address]: describe(new View(image.program, { brief: true }), op) }, page)
}
