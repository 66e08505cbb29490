/** What a computing op computes, as text: `(v4 & 0xff) * 8 + v5 - 16`, and what it compares with what. */
import { errnoName } from '../sys/abi/errno.ts'
import type { Op } from './op.ts'
import { Cell, type Operand, Ref } from './operand.ts'
import { hex, type Scope, Variable } from './signatures/kind.ts'
import { string } from './signatures/text.ts'
import type { View } from './view.ts'

const ALL = BigInt.asUintN(64, -1n)
const SIGN = 1n << 63n
/** From here on numbers are bits rather than counts. */
const LARGE = 1n << 32n
/** Numbers that are compared with results are errors from -1 down to this. */
const LOWEST_ERRNO = -133n

const unsigned = (operand: Operand | undefined): bigint =>
  BigInt.asUintN(64, typeof operand === 'number' || typeof operand === 'bigint' ? BigInt(operand) : 0n)

const decimal = (value: bigint): string => {
  const small = BigInt.asIntN(64, value)
  if (small > -LARGE && small < LARGE) return String(small)
  return small < 0n ? `-${hex(-small)}` : hex(small)
}
const withErrno = (value: bigint): string => {
  const small = BigInt.asIntN(64, value)
  return small < 0n && small > LOWEST_ERRNO ? `-${errnoName(-Number(small))}` : decimal(value)
}
const bits = (value: bigint): string => (value < 10n ? String(value) : hex(value))
const character = (value: bigint): string => (value > 0x20n && value < 0x7fn ? `'${String.fromCharCode(Number(value))}'` : bits(value))

const scopeOf = (view: View): Scope => ({ arch: view.program.arch, args: [], memory: view, brief: view.brief })

/** A value under its mask. */
interface Term {
  readonly text: string
  /** More than a name. */
  readonly compound: boolean
  /** How a number is written that is compared with it. */
  readonly write: (value: bigint) => string
}

const known = (value: bigint | Ref, view: View): string => (value instanceof Ref ? string(value, scopeOf(view)) : decimal(value))

/** An operand of all 64 bits. */
const operandText = (operand: Operand, view: View): string => {
  const value = view.value(operand)
  if (!(value instanceof Variable)) return known(value, view)
  const constant = view.constantAt(value.at)
  return constant === undefined ? (view.part(value.at, ALL)?.name ?? value.name) : known(constant, view)
}

const termOf = ({ args: [operand = 0, maskOperand] }: Op, view: View): Term => {
  const [value, mask] = [view.value(operand), unsigned(maskOperand)]
  const part = value instanceof Variable ? view.part(value.at, mask) : undefined
  if (part !== undefined) {
    const { field, name, shift } = part
    const write = (number: bigint) => field.kind(number >> BigInt(shift), scopeOf(view))
    const whole = ((1n << BigInt(8 * field.width)) - 1n) << BigInt(shift)
    if ((mask & whole) === whole) return { text: name, compound: false, write }
    const named = write(mask)
    return { text: `${name} & ${/^\d+$/.test(named) ? hex(mask >> BigInt(shift)) : named}`, compound: true, write }
  }
  const text = operandText(operand, view)
  if (mask === ALL) return { text, compound: false, write: withErrno }
  return { text: `${text} & ${hex(mask)}`, compound: true, write: mask === 0xffn ? character : bits }
}

/** Without the constant: `a + b`, `b - a`. @param alone whether nothing is added to it. */
const sum = (op: Op, view: View, alone: boolean): string => {
  const [, mask, factor = 1, addend = 0] = op.args
  const added = addend instanceof Cell || unsigned(addend) !== 0n ? operandText(addend, view) : ''
  if (unsigned(mask) === 0n || (!(factor instanceof Cell) && unsigned(factor) === 0n)) return added
  const { text, compound } = termOf(op, view)
  if (unsigned(factor) === 1n && added === '' && alone) return text
  const one = compound ? `(${text})` : text
  if (unsigned(factor) === ALL) return `${added === '' ? '' : `${added} `}-${added === '' ? '' : ' '}${one}`
  const product = unsigned(factor) === 1n ? one : `${one} * ${operandText(factor, view)}`
  return added === '' ? product : `${product} + ${added}`
}

/** ((value & mask) * factor) + addend + constant without what has no effect. */
export const expression = (op: Op, view: View): string => {
  const constant = BigInt.asIntN(64, unsigned(op.args[4]))
  const text = sum(op, view, constant === 0n)
  if (text === '') return decimal(constant)
  if (constant === 0n) return text
  return constant < 0n ? `${text} - ${decimal(-constant)}` : `${text} + ${decimal(constant)}`
}

/** The result is what two things differ by. */
export interface Comparison {
  readonly left: string
  readonly right: string
  /** What is on the right, where that is a constant. */
  readonly value: bigint
  /** How another value of the left side is written. */
  readonly write: (value: bigint) => string
}

const isSum = ({ args: [, , factor, addend] }: Op): boolean => factor !== 1 || addend instanceof Cell || unsigned(addend) !== 0n

/** What is compared with what, if the result is only looked at for its sign; undefined where the op looks at nothing. */
export const comparisonOf = (op: Op, view: View): Comparison | undefined => {
  if (!(op.args[0] instanceof Cell)) return undefined
  const value = BigInt.asUintN(64, -unsigned(op.args[4]))
  if (isSum(op)) return { left: sum(op, view, true), right: decimal(value), value, write: decimal }
  const { text, write } = termOf(op, view)
  return { left: text, right: write(value), value, write }
}

/** As comparisonOf, as one would say it: `a < b` for `b - a > 0`, `a < 0` for its highest bit. */
export const spoken = (op: Op, view: View, relation: string): string => {
  const [value = 0, mask, factor, addend, constant] = op.args
  if (unsigned(mask) === SIGN && unsigned(constant) === 0n && !isSum(op))
    return `${operandText(value, view)} ${relation === '==' ? '>=' : '<'} 0`
  if (unsigned(factor) === ALL && addend instanceof Cell && unsigned(constant) === 0n)
    return `${operandText(addend, view)} ${relation} ${termOf(op, view).text}`
  const { left, right } = comparisonOf(op, view) ?? { left: expression(op, view), right: '0' }
  return `${left} ${relation} ${right}`
}
