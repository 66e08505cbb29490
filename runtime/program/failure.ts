/** What the failure page says, as the error of the call that failed. */
import { errnoName } from '../sys/abi/errno.ts'
import { signalName } from '../sys/abi/signal.ts'
import { wexitstatus, wifsignaled, wtermsig } from '../sys/abi/wait.ts'
import { SyscallError, type SyscallErrorOptions } from '../sys/error.ts'
import { hintFor } from '../sys/hints.ts'
import { briefArguments, isCall } from './call.ts'
import { wantedRelation } from './compute.ts'
import { comparisonOf } from './expression.ts'
import type { Image } from './link.ts'
import type { Op } from './op.ts'
import { ITEM_OFFSET, type Page } from './page.ts'
import { View } from './view.ts'

/** Highest errno that a call can return. */
const MAX_ERRNO = 4095n

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

/** `e overlay: …` as fsopen(2) lets one read it, one line each. */
const messageOf = (page: Page): string | undefined => {
  const lines = page.message.split('\n').map((line) => line.replace(/^[ewi] /, '').trim())
  const text = lines.filter((line) => line !== '').join(', ')
  return text === '' ? undefined : text
}

const SIGNAL_TEXTS: Readonly<Record<number, string>> = { 9: 'killed', 11: 'segmentation fault', 15: 'terminated', 31: 'bad system call' }

/** How a process ended, in the words of strsignal(3). */
const endOf = (status: number): string =>
  wifsignaled(status)
    ? (SIGNAL_TEXTS[wtermsig(status)] ?? `ended by ${signalName(wtermsig(status)) ?? wtermsig(status)}`)
    : `exit status ${wexitstatus(status)}`

/** The op that a failure is about, and its own result: a judge records another op's, less an errno. */
const blamed = (op: Op, recorded: bigint): { readonly op: Op; readonly result: bigint } =>
  op.judges === undefined ? { op, result: recorded } : { op: op.judges.op, result: recorded + BigInt(op.judges.offset) }

/** What went wrong with a call: an errno, or a result that is none. */
const callError = (syscall: string, args: readonly string[], result: bigint, options: SyscallErrorOptions): SyscallError => {
  if (result >= 0n || result < -MAX_ERRNO) return new UnexpectedResult(syscall, `returned ${result}`, { ...options, args })
  const errno = -Number(result)
  // the kernel's own words go before those of the table
  const hint = [options.hint, hintFor(syscall, errnoName(errno), args)].filter((text) => text !== undefined).join('; ')
  return new SyscallError(syscall, errno, { ...options, args, ...(hint === '' ? {} : { hint }) })
}

/** What was compared with what, and what it was. */
const compareError = (op: Op, view: View, result: bigint, options: SyscallErrorOptions): SyscallError => {
  if (op.waitStatus === true)
    return new UnexpectedResult('wait4', endOf(Number(result)), { ...options, bare: options.during !== undefined })
  const compared = comparisonOf(op, view)
  if (compared === undefined) return new UnexpectedResult('compute', String(result), options)
  const { left, right, value, write } = compared
  const args = [`${left} ${wantedRelation(op)} ${right}`]
  return new UnexpectedResult('check', `is ${write(BigInt.asUintN(64, result + value))}`, { ...options, args })
}

/** The string that a loop was at (Program.each). */
const itemOf = ({ program }: Image, page: Page): string | undefined => {
  const address = page.word(ITEM_OFFSET)
  const block =
    address === 0
      ? undefined
      : program.blocks.find(({ at, size, bytes }) => at !== undefined && at <= address && address < at + size && bytes !== undefined)
  if (block === undefined) return undefined
  const text = Buffer.from(block.bytes!.subarray(address - block.at!))
  return text.toString('utf8', 0, text.indexOf(0))
}

/** The first failure of a program; undefined where none is in the page. */
export const failureOf = (image: Image, page: Page): SyscallError | undefined => {
  if (page.failure === undefined) return undefined
  const { address, result: recorded } = page.failure
  const recordedBy = image.opAt(address)
  const hint = messageOf(page)
  if (recordedBy === undefined)
    return callError(`op at 0x${address.toString(16)}`, [], BigInt(recorded), hint === undefined ? {} : { hint })
  const { op, result } = blamed(recordedBy, BigInt(recorded))
  const during = [op.during, itemOf(image, page)].filter((text) => text !== undefined).join(' ')
  const options: SyscallErrorOptions = {
    ...(during === '' ? {} : { during }),
    ...(hint === undefined ? {} : { hint }),
    // what was executed is what it is about: the call would only say it again
    bare: during !== '' && op.call === 'execve',
  }
  const view = new View(image.program, { brief: true })
  view.show(image.program.ops.indexOf(op))
  return isCall(op) ? callError(op.call, briefArguments(op, view), result, options) : compareError(op, view, result, options)
}
