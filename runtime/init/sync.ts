/**
 * The talk between a program and its parent over the channel, a socket pair: the program sends one letter and waits for one
 * byte. The end of the file instead of the byte means that the parent is gone; then the program ends too, without a word.
 */
import type { Cell, Ref } from '../program/operand.ts'
import { ITEM_OFFSET } from '../program/page.ts'
import type { Emit } from './plan.ts'

/**
 * What a program says: it wants its id maps; init exists; runtime hooks are due; the state (creating)
 * for createContainer hooks, the state (created) for startContainer hooks, the text for the seccomp listener are wanted; all is made.
 */
export const SAYS = { maps: 'U', attach: 'I', hooks: 'H', creating: 'S', startState: 'T', listener: 'L', created: 'C' } as const

/** Words of the failure page: pid of init as the host sees it; 1 once start was asked for; the listener of seccomp; address of a loop's string; pid of the
 * stage, once it wants its id maps.
 */
export const PAGE_WORDS = { init: 16, started: 24, listener: 32, item: ITEM_OFFSET, stage: 48 } as const

/** Longest text that a parent answers with. */
export const ANSWER_SIZE = 64 * 1024

export const tell = ({ p, plan }: Emit<{ channel: number }>, letter: string): void => {
  p.call('write', [plan.channel, letter, 1])
}

/** Waits for the parent's byte. */
export const awaitGo = ({ p, plan }: Emit<{ channel: number }>): void => {
  const gone = p.label()
  const on = p.label()
  p.call('read', [plan.channel, p.buffer(8), 1], { positive: on, zero: gone, tolerate: { ECONNRESET: gone } })
  p.place(gone)
  p.exit(0)
  p.place(on)
}

export const ask = (emit: Emit<{ channel: number }>, letter: string): void => {
  tell(emit, letter)
  awaitGo(emit)
}

/** A text that the parent sent. */
export interface Text {
  readonly text: Ref
  readonly length: Cell
}

/** Asks the parent for a text, which comes as one message of at most ANSWER_SIZE. */
export const askText = (emit: Emit<{ channel: number }>, letter: string): Text => {
  const { p, plan } = emit
  tell(emit, letter)
  const text = p.buffer(ANSWER_SIZE)
  const gone = p.label()
  const on = p.label()
  const length = p.call('read', [plan.channel, text, ANSWER_SIZE], { positive: on, zero: gone, name: 'length' })
  p.place(gone)
  p.exit(0)
  p.place(on)
  return { text, length }
}
