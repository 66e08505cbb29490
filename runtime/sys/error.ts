/** The error of a failed system call. It prints like `mount src=proc dst=/proc flags=MS_NOSUID: EPERM (hint)`. */
import { errnoName } from './abi/errno.ts'
import { hintFor } from './hints.ts'

export interface SyscallErrorOptions {
  /** What was being done, in the words of whoever called: `mounts[3]`. */
  readonly during?: string
  /** The call's arguments as they are to be printed, in order: `dst=/proc`. */
  readonly args?: readonly string[]
  /** Overrides the hint of the table (hints.ts). */
  readonly hint?: string
  /** The message says what was being done and not the call. */
  readonly bare?: boolean
  readonly cause?: unknown
}

export class SyscallError extends Error {
  override readonly name = 'SyscallError'
  readonly syscall: string
  /** Positive errno. */
  readonly errno: number
  /** `EPERM`. */
  readonly code: string
  readonly args: readonly string[]
  readonly hint: string | undefined

  constructor(syscall: string, errno: number, options: SyscallErrorOptions = {}) {
    const code = errnoName(errno)
    const args = options.args ?? []
    const hint = options.hint ?? hintFor(syscall, code, args)
    const call = options.bare === true ? '' : `${[syscall, ...args].join(' ')}: `
    const during = options.during === undefined ? '' : `${options.during}: `
    super(`${during}${call}${code}${hint === undefined ? '' : ` (${hint})`}`, { cause: options.cause })
    this.syscall = syscall
    this.errno = errno
    this.code = code
    this.args = args
    this.hint = hint
  }
}

/** True for a SyscallError or an error of node:fs with one of the given codes. */
export const isErrno = (error: unknown, ...codes: readonly string[]): boolean =>
  error instanceof Error && 'code' in error && typeof error.code === 'string' && codes.includes(error.code)
