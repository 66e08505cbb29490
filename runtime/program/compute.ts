/** The computing ops of a program as lines: `v9 = v4 + 16`, `if statxbuf.stx_mode & S_IFMT != S_IFDIR fail`, `goto 40`. */
import { expression, spoken } from './expression.ts'
import type { Flow, Target } from './flow.ts'
import type { Op } from './op.ts'
import { Cell } from './operand.ts'
import type { View } from './view.ts'

/** How the result is to zero where only these signs of it lead somewhere. */
const RELATIONS: Readonly<Record<string, string>> = { '+': '>', '0': '==', '-': '<', '+0': '>=', '0-': '<=', '+-': '!=' }

const goTo = (to: Target): string => (to === 'fail' ? 'fail' : `goto ${to}`)

/** The signs of the result that do not simply go on behind, by where they lead; the most special first. */
const branches = ({ behind, ...flow }: Flow): { readonly signs: string; readonly to: Target }[] => {
  const signs = new Map<Target, string>()
  for (const [sign, to] of [
    ['+', flow.positive],
    ['0', flow.zero],
    ['-', flow.negative],
  ] as const)
    if (to !== behind) signs.set(to, `${signs.get(to) ?? ''}${sign}`)
  return [...signs].map(([to, text]) => ({ to, signs: text })).sort((a, b) => a.signs.length - b.signs.length)
}

/** How the result has to be to zero for the op not to fail. */
export const wantedRelation = ({ positive, zero, negative }: Op): string => {
  const signs = [positive === 'fail' ? '' : '+', zero === 'fail' ? '' : '0', negative === 'fail' ? '' : '-'].join('')
  return RELATIONS[signs] ?? '?'
}

/** An op whose result nobody keeps: where it leads. */
const branchText = (op: Op, flow: Flow, view: View): string => {
  const list = branches(flow)
  const [first] = list
  if (first === undefined) return op.args[0] instanceof Cell ? `compare ${expression(op, view)}` : goTo(flow.behind)
  if (first.signs === '+0-') return goTo(first.to)
  const all = list.reduce((count, { signs }) => count + signs.length, 0) === 3
  return list
    .map(({ signs, to }, index) =>
      all && index > 0 && index === list.length - 1 ? `else ${goTo(to)}` : `if ${spoken(op, view, RELATIONS[signs]!)} ${goTo(to)}`,
    )
    .join(', ')
}

/** Where a result that is kept leads by its sign. */
export const computeNotes = (flow: Flow): string =>
  branches(flow)
    .map(
      ({ signs, to }) => `${signs === '+0-' ? '' : signs === '0' ? '0 ' : `${RELATIONS[signs]} 0 `}${to === 'fail' ? 'fails' : `→ ${to}`}`,
    )
    .join('; ')

/** What follows from a result that is kept is not part of the line. */
export const computeText = (op: Op, flow: Flow, view: View): string => {
  const result = view.resultOf(op)
  return result === undefined ? branchText(op, flow, view) : `${result} = ${expression(op, view)}`
}
