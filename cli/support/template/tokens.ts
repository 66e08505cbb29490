/** The words of a template: Go’s text/template, "Text and spaces" and "Arguments". */
import { TemplateError } from './error.ts'

export type TokenKind =
  | 'word'
  | 'field'
  | 'dot'
  | 'variable'
  | 'string'
  | 'number'
  | 'pipe'
  | 'open'
  | 'close'
  | 'assign'
  | 'declare'
  | 'comma'

export interface Token {
  readonly kind: TokenKind
  /** Names without `.` and `$`; strings without quotes and escapes. */
  readonly text: string
  readonly at: number
  /** White space stands before it. */
  readonly spaced: boolean
}

export interface Action {
  readonly at: number
  readonly end: number
  readonly tokens: readonly Token[]
}

/** Texts and actions in turn. */
export type Piece = { readonly text: string } | { readonly action: Action }

const PATTERNS: readonly (readonly [TokenKind, RegExp])[] = [
  ['field', /\.[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['variable', /\$[\p{L}\p{Nd}_]*/uy],
  ['number', /[+-]?(?:0[xX][\da-fA-F]+|0[oO][0-7]+|0[bB][01]+|(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?)/y],
  ['dot', /\./y],
  ['word', /[\p{L}_][\p{L}\p{Nd}_]*/uy],
  ['declare', /:=/y],
  ['assign', /=/y],
  ['pipe', /\|/y],
  ['comma', /,/y],
  ['open', /\(/y],
  ['close', /\)/y],
]

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  a: '\x07',
  b: '\b',
  f: '\f',
  v: '\v',
  '\\': '\\',
  '"': '"',
  "'": "'",
}

const STRING = /"((?:[^"\\\n]|\\.)*)"|`([^`]*)`/y
const CHARACTER = /'((?:[^'\\\n]|\\.)[^'\n]*)'/y
const ESCAPE = /\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|([0-7]{3})|(.))/gu

const unescaped = (source: string, at: number, text: string): string =>
  text.replace(ESCAPE, (whole, x: string, u: string, wide: string, octal: string, letter: string) => {
    const hex = x ?? u ?? wide
    const code = hex !== undefined ? Number.parseInt(hex, 16) : octal !== undefined ? Number.parseInt(octal, 8) : undefined
    if (code !== undefined && code <= 0x10ffff) return String.fromCodePoint(code)
    const character = letter === undefined ? undefined : ESCAPES[letter]
    if (character === undefined) throw new TemplateError(source, at, `${whole} is no escape sequence`)
    return character
  })

const match = (pattern: RegExp, source: string, at: number): RegExpExecArray | undefined => {
  pattern.lastIndex = at
  return pattern.exec(source) ?? undefined
}

const tokenAt = (source: string, at: number, spaced: boolean): { readonly token: Token; readonly end: number } => {
  const string = match(STRING, source, at)
  if (string !== undefined) {
    const text = string[2] ?? unescaped(source, at, string[1]!)
    return { token: { kind: 'string', text, at, spaced }, end: at + string[0].length }
  }
  const character = match(CHARACTER, source, at)
  if (character !== undefined) {
    const [only, ...more] = unescaped(source, at, character[1]!)
    if (only === undefined || more.length > 0)
      throw new TemplateError(source, at, `${character[0]} is not one character; texts stand in " or \``)
    return { token: { kind: 'number', text: String(only.codePointAt(0)), at, spaced }, end: at + character[0].length }
  }
  if (/["'`]/.test(source[at]!)) throw new TemplateError(source, at, 'this text does not end')
  for (const [kind, pattern] of PATTERNS) {
    const found = match(pattern, source, at)?.[0]
    if (found === undefined) continue
    const text = kind === 'field' || kind === 'variable' ? found.slice(1) : found
    return { token: { kind, text, at, spaced }, end: at + found.length }
  }
  throw new TemplateError(source, at, `${JSON.stringify(source[at])} means nothing here`)
}

/** The tokens up to `}}`. */
const actionAt = (source: string, start: number, from: number): { readonly action: Action; readonly trims: boolean } => {
  const tokens: Token[] = []
  let at = from
  for (;;) {
    const before = at
    while (/\s/.test(source[at] ?? '')) at++
    if (at >= source.length) throw new TemplateError(source, start, 'this {{ has no }}')
    if (source.startsWith('}}', at)) return { action: { at: start, end: at + 2, tokens }, trims: false }
    if (at > before && source.startsWith('-}}', at)) return { action: { at: start, end: at + 3, tokens }, trims: true }
    const { token, end } = tokenAt(source, at, at > before)
    tokens.push(token)
    at = end
  }
}

const COMMENT = /\{\{(- )?\/\*[\s\S]*?\*\/( -)?\}\}/y

export const piecesOf = (source: string): readonly Piece[] => {
  const pieces: Piece[] = []
  let at = 0
  let trimming = false
  const text = (to: number, trims: boolean): void => {
    let part = source.slice(at, to)
    if (trimming) part = part.trimStart()
    if (trims) part = part.trimEnd()
    if (part !== '') pieces.push({ text: part })
  }
  for (;;) {
    const start = source.indexOf('{{', at)
    if (start < 0) {
      text(source.length, false)
      return pieces
    }
    const comment = match(COMMENT, source, start)
    if (comment !== undefined) {
      text(start, comment[1] !== undefined)
      trimming = comment[2] !== undefined
      at = start + comment[0].length
      continue
    }
    if (source.startsWith('/*', start + 2)) throw new TemplateError(source, start, 'this comment does not end with */}}')
    const trims = /^-\s/.test(source.slice(start + 2, start + 4))
    text(start, trims)
    const found = actionAt(source, start, start + (trims ? 3 : 2))
    pieces.push({ action: found.action })
    trimming = found.trims
    at = found.action.end
  }
}
