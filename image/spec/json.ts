/**
 * JSON of strangers: bounded in bytes, values and depth before anything is made of it, valid UTF-8, and read by all parsers alike: no key
 * twice in an object, of which one parser takes the first and another the last.
 */
import { WherryError } from '../../runtime/errors.ts'

/** Bytes of a manifest, index or config, as registries and containerd limit them. */
export const LARGEST_DOCUMENT = 4 * 1024 * 1024
const MOST_VALUES = 200_000
const DEEPEST = 32

const bad = (what: string, problem: string): WherryError => new WherryError('invalid-argument', `${what}: ${problem}`)

const SPACE = new Set([' ', '\t', '\r', '\n'])

/** Index of the quote that ends the string whose quote is at `start`. */
const endOfString = (text: string, start: number): number => {
  for (let i = start + 1; i < text.length; i++) {
    if (text[i] === '"') return i
    if (text[i] === '\\') i++
  }
  return text.length
}

const isKey = (text: string, end: number): boolean => {
  let i = end + 1
  while (SPACE.has(text[i] ?? '')) i++
  return text[i] === ':'
}

/** The string that `quoted` spells. Where it is not well-formed the parser will say so. */
const unquote = (quoted: string): string => {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return String(JSON.parse(quoted))
  } catch {
    return quoted
  }
}

/** Strings, brackets and commas are all it needs to see; whether the text is JSON at all, JSON.parse says. */
const checkShape = (text: string, what: string): void => {
  /** Keys of the objects that are open; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  let values = 0
  for (let i = 0; i < text.length; i++) {
    const char = text[i]
    if (char === '"') {
      const start = i
      i = endOfString(text, i)
      const keys = open.at(-1)
      if (keys === undefined || !isKey(text, i)) continue
      const key = unquote(text.slice(start, i + 1))
      // without the key: in a broken auth file it may be a secret
      if (keys.has(key)) throw bad(what, `a key is there twice in one object, at position ${start}`)
      keys.add(key)
    } else if (char === '{' || char === '[') {
      open.push(char === '{' ? new Set() : undefined)
      values++
      if (open.length > DEEPEST) throw bad(what, `nested deeper than ${DEEPEST}`)
    } else if (char === '}' || char === ']') open.pop()
    else if (char === ',') values++
    if (values > MOST_VALUES) throw bad(what, `has more than ${MOST_VALUES} values`)
  }
}

/** The value, unchecked; throws `invalid-argument`. `what` names the document; `largest` in bytes. */
export const parseJson = (bytes: Uint8Array, what: string, largest = LARGEST_DOCUMENT): unknown => {
  if (bytes.length > largest) throw bad(what, `has ${bytes.length} bytes, more than the ${largest} that such a document may have`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw new WherryError('invalid-argument', `${what}: is not UTF-8`, { cause })
  }
  checkShape(text, what)
  try {
    return JSON.parse(text)
  } catch (error) {
    // without the cause, whose message quotes the text: an auth file has secrets
    const where = error instanceof Error ? (/position \d+/.exec(error.message)?.[0] ?? 'the end') : 'the end'
    throw bad(what, `is not JSON, at ${where}`)
  }
}
