/** Commands that take several things go on with the next where one fails. */
import type { WherryError } from '../../runtime/errors.ts'
import { describe } from './describe.ts'
import { complain, OutputClosed } from './output.ts'

/** @returns 1 where something failed, which has been said by then; a single thing’s error is left to the caller. */
export const forEach = async (name: string, things: readonly string[], work: (thing: string) => Promise<void> | void): Promise<number> => {
  let status = 0
  for (const thing of things) {
    try {
      await work(thing)
    } catch (error) {
      if (things.length === 1 || error instanceof OutputClosed || !isOurs(error)) throw error
      complain(`${name}: ${describe(error)}\n`)
      status = 1
    }
  }
  return status
}

const isOurs = (error: unknown): error is WherryError =>
  error instanceof Error && error.name === 'WherryError' && (error as WherryError).kind !== 'cancelled'
