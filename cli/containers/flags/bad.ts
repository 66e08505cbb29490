/** How a wrong value of a flag is refused, and readers that several flags share. */
import { UsageError } from '../../support/parse.ts'
import { parseSize } from '../../support/size.ts'

const SHOWN = 120

/** A value in a message: in quotes, on one line, cut. */
export const shown = (text: string): string => JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text)

/** `--memory: "lots" is not …` */
export const bad = (flag: string, text: string, problem: string): UsageError => new UsageError(`--${flag}: ${shown(text)} ${problem}`)

/** Two flags that cannot stand beside each other; `why` says what to do. */
export const conflict = (one: string, other: string, why: string): UsageError =>
  new UsageError(`--${one} and --${other} exclude each other: ${why}`)

const CONTROL = /[\u0000-\u001f\u007f]/

/** Text that ends up in files of lines, or in messages. */
export const line = (flag: string, text: string): string => {
  if (CONTROL.test(text)) throw bad(flag, text, 'has control characters')
  return text
}

/** What the kernel takes. */
export const withoutNul = (flag: string, text: string): string => {
  if (text.includes('\0')) throw bad(flag, text, 'has a NUL byte')
  return text
}

export const oneOf = <T extends string>(flag: string, text: string, choices: readonly T[]): T => {
  const found = choices.find((choice) => choice === text)
  if (found === undefined) throw bad(flag, text, `is none of ${choices.join(', ')}`)
  return found
}

export const within = (flag: string, value: number | undefined, least: number, most: number, unit = ''): number | undefined => {
  if (value !== undefined && (value < least || value > most))
    throw bad(
      flag,
      String(value),
      `is not from ${least} to ${most === Number.MAX_SAFE_INTEGER ? '2^53 - 1' : most}${unit === '' ? '' : ` ${unit}`}`,
    )
  return value
}

/** What the kernel counts bytes with. */
const MOST_BYTES = 2n ** 63n - 1n

/** Bytes in decimal. */
export const sizeText = (flag: string, text: string): string => {
  const size = parseSize(text)
  if (size === undefined || size > MOST_BYTES) throw bad(flag, text, 'is no size: a number of bytes, or one with a unit like 64m or 1.5g')
  return String(size)
}

const ID = /^\d{1,10}$/
/** 2^32 - 1 means "no change" to the kernel. */
const LARGEST_ID = 0xffff_fffe

export const isId = (text: string): boolean => ID.test(text) && Number(text) <= LARGEST_ID

/** Splits at the first `separator`; the second part is undefined without one. */
export const halves = (text: string, separator: string): readonly [string, string | undefined] => {
  const at = text.indexOf(separator)
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)]
}

/** Of flags whose values cannot have commas: `a,b` is two of them, as podman has it. */
export const words = (values: readonly string[] | undefined): readonly string[] =>
  (values ?? []).flatMap((value) => (value.includes(',') ? value.split(',') : [value]))
