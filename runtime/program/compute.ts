/** The computing ops of a program as text: `v9 = (v4 & 0xff) * 8 + 16`, `if statxbuf.stx_mode & S_IFMT != S_IFDIR fail`. */
import { errnoName } from '../sys/abi/errno.ts'
import type { Flow, Target } from './flow.ts'
import type { Op } from './op.ts'
import { Cell, type Operand, Ref } from './operand.ts'
import { hex, type Kind, scalar, type Scope, Variable } from './signatures/kind.ts'
import { string } from './signatures/text.ts'
import type { View } from './view.ts'

const ALL = BigInt.asUintN(64, -1n)
const SIGN = 1n << 63n
/** Numbers that are compared with results are errors from -1 down to this. */
const LOWEST_ERRNO = -133n

const signed = (value: bigint): bigint => BigInt.asIntN(64, value)
const number = (operand: Operand | undefined): bigint =>
  BigInt.asUintN(64, typeof operand === 'number' || typeof operand === 'bigint' ? BigInt(operand) : 0n)

const masked = (value: bigint): string => (value < 10n ? String(value) : hex(value))
const character = (value: bigint): string => (value > 0x20n && value < 0x7fn ? `'${String.fromCharCode(Number(value))}'` : masked(value))

/** What a compare looks at. */
interface Subject {
  readonly text: string
  /** How a value of it is written, as it lies under the mask. */
  readonly write: (value: bigint) => string
  /** Bits below the lowest that is looked at, of a field. */
  readonly shift: number
}

const plain: Kind = scalar((value) => {
  const small = signed(value)
  return small < 0n && small > LOWEST_ERRNO ? `-${errnoName(-Number(small))}` : String(small)
})

const subjectOf = ({ args }: Op, view: View): Subject => {
  const [value, mask] = [view.value(args[0]!), number(args[1])]
  const scope: Scope = { arch: view.program.arch, args: [], memory: view, brief: view.brief }
  if (!(value instanceof Variable)) return { text: plain(value, scope), write: (constant) => plain(constant, scope), shift: 0 }
  const found = view.part(value.at, mask)
  if (found === undefined && mask === ALL) return { text: value.name, write: (constant) => plain(constant, scope), shift: 0 }
  if (found === undefined) return { text: `${value.name} & ${hex(mask)}`, write: mask === 0xffn ? character : masked, shift: 0 }
  const { field, name, shift } = found
  const write = (constant: bigint) => field.kind(constant >> BigInt(shift), scope)
  const whole = ((1n << BigInt(8 * field.width)) - 1n) << BigInt(shift)
  return { text: (mask & whole) === whole ? name : `${name} & ${write(mask)}`, write, shift }
}

/** `==` where only zero leads somewhere, and so on. */
const RELATIONS: Readonly<Record<string, string>> = { '+': '>', '0': '==', '-': '<', '+0': '>=', '0-': '<=', '+-': '!=' }

const goTo = (to: Target): string => (to === 'fail' ? 'fail' : `goto ${to}`)

/** The signs of the result that do not simply go on behind, by where they lead. */
const branches = ({ behind, ...flow }: Flow): { signs: string; to: Target }[] => {
  const signs = new Map<Target, string>()
  for (const [sign, to] of [
    ['+', flow.positive],
    ['0', flow.zero],
    ['-', flow.negative],
  ] as const)
    if (to !== behind) signs.set(to, `${signs.get(to) ?? ''}${sign}`)
  return [...signs].map(([to, text]) => ({ to, signs: text }))
}

/** Of a compare: what it looks at, and what with. */
export interface Comparison {
  readonly subject: string
  readonly constant: string
  /** The constant as it lies under the mask, and how far the lowest bit of what is looked at is from bit 0. */
  readonly value: bigint
  readonly shift: number
}

/** Only an op whose result is the difference of one value and a constant compares. */
export const comparisonOf = (op: Op, view: View): Comparison | undefined => {
  const [value, , factor, addend, constant] = op.args
  if (!(value instanceof Cell) || factor !== 1 || addend !== 0) return undefined
  const { text, write, shift } = subjectOf(op, view)
  const compared = BigInt.asUintN(64, -number(constant))
  return { subject: text, constant: write(compared), value: compared, shift }
}

/** How the two would have to compare for the op not to fail. */
export const wantedRelation = ({ positive, zero, negative }: Op): string => {
  const signs = [positive === 'fail' ? '' : '+', zero === 'fail' ? '' : '0', negative === 'fail' ? '' : '-'].join('')
  return RELATIONS[signs] ?? '?'
}

const compareText = (op: Op, flow: Flow, view: View): string => {
  const list = branches(flow)
  if (!(op.args[0] instanceof Cell) && list.length === 0) return goTo(flow.behind)
  if (list[0]?.signs === '+0-') return goTo(list[0].to)
  const compared = comparisonOf(op, view)
  if (compared === undefined)
    return `if ${expression(op, view)} ${list.map(({ signs, to }) => `${RELATIONS[signs]} 0 ${goTo(to)}`).join(', ')}`
  const { subject, constant } = compared
  const bySign = number(op.args[1]) === SIGN && number(op.args[4]) === 0n
  const value = view.value(op.args[0]!)
  const condition = (signs: string) =>
    bySign && value instanceof Variable
      ? `${value.name} ${signs.includes('0') ? '>=' : '<'} 0`
      : `${subject} ${RELATIONS[signs]} ${constant}`
  if (list.length === 0) return `compare ${subject} with ${constant}`
  const whole = list.reduce((count, { signs }) => count + signs.length, 0) === 3
  return list
    .map(({ signs, to }, index) =>
      whole && index > 0 && index === list.length - 1 ? `else ${goTo(to)}` : `if ${condition(signs)} ${goTo(to)}`,
    )
    .join(', ')
}

/** ((value & mask) * factor) + addend + constant without what has no effect. */
const expression = ({ args }: Op, view: View): string => {
  const [value, mask, factor, addend, constant] = args
  const text = (operand: Operand | undefined): string => {
    const known = view.value(operand ?? 0)
    if (known instanceof Ref) return string(known, { arch: view.program.arch, args: [], memory: view, brief: view.brief })
    if (!(known instanceof Variable)) return String(signed(known))
    const constant = view.constantAt(known.at)
    return constant === undefined || constant instanceof Variable ? known.name : text(constant)
  }
  const nothing = number(mask) === 0n || (number(factor) === 0n && !(factor instanceof Cell))
  const part = number(mask) === ALL ? text(value) : `(${text(value)} & ${hex(number(mask))})`
  const product = nothing ? '' : number(factor) === 1n ? part : `${part} * ${text(factor)}`
  const terms = [product, addend instanceof Cell || number(addend) !== 0n ? text(addend) : ''].filter((term) => term !== '')
  const last = signed(number(constant))
  if (terms.length === 0) return String(last)
  return `${terms.join(' + ')}${last === 0n ? '' : last < 0n ? ` - ${-last}` : ` + ${last}`}`
}

/** The op as one line; what follows from the sign of a result that is kept is not part of it. */
export const computeText = (op: Op, flow: Flow, view: View): string => {
  const result = op.result === undefined ? undefined : (view.resultOf(op) ?? '_')
  return result === undefined ? compareText(op, flow, view) : `${result} = ${expression(op, view)}`
}
