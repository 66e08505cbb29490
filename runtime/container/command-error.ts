/** Failures of a container's own command, which the image or the user is to blame for, and not the engine. */
import { SyscallError } from '../sys/error.ts'

/** What runtime/init/command.ts says it does when it looks for the program, and executes it. */
const EXECUTING = /^exec(:|\s)/

/** It is not found, or cannot be invoked. */
export const isCommandError = (error: unknown): error is SyscallError => error instanceof SyscallError && EXECUTING.test(error.message)
