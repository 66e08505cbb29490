/** The exit status of a container that could not be started: 127 not found, 126 cannot be invoked, else 125; as shells and docker have it. */
import { isCommandError } from '../../../runtime/container/command-error.ts'
import { describe } from '../../support/describe.ts'
import { complain } from '../../support/output.ts'
import type { Context } from '../context.ts'

const ENGINE = 125
const CANNOT_INVOKE = 126
const NOT_FOUND = 127

export const statusFor = (error: unknown): number => {
  if (!isCommandError(error)) return ENGINE
  return error.code === 'ENOENT' || error.code === 'ENOTDIR' ? NOT_FOUND : CANNOT_INVOKE
}

/** Tells of a failure, whatever it is, by one of these statuses. */
export const exitStatusOf = async (context: Context, work: () => Promise<number>): Promise<number> => {
  try {
    return await work()
  } catch (error) {
    const status = statusFor(error)
    if (status === ENGINE) throw error
    complain(`${context.name}: ${describe(error)}\n`)
    return status
  }
}
