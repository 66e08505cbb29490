/** Waiting for what other processes bring about. */
import assert from 'node:assert/strict'
import { setTimeout } from 'node:timers/promises'

/** Milliseconds after which it is taken for never; an emulated machine is slow. */
const LONGEST = 120_000

/** Resolves when `holds` is true; throws, naming `what`, if it never is. */
export const eventually = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = performance.now() + LONGEST; !(await holds()); await setTimeout(20))
    assert.ok(performance.now() < deadline, `in time: ${what}`)
}
