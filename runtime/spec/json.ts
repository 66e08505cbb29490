/**
 * JSON with whole numbers of 64 bits, which rlimits, byte counts and seccomp arguments need: numbers that a double cannot hold exactly are
 * bigints on the way in, bigints are plain numbers on the way out.
 */

/** Proposal "JSON.parse source text access", in Node since 21; the compiler's library does not know it yet. */
interface SourceJson {
  parse(text: string, reviver: (key: string, value: unknown, context: { readonly source: string }) => unknown): unknown
  rawJSON(text: string): unknown
}

const sourceJson = JSON as unknown as SourceJson

/** A reviver makes parsing several times slower: only for texts that hold a number of 16 or more digits. */
const LONG_NUMBER = /[[{:,\s-][0-9]{16}/
const DIGITS = /^-?[0-9]+$/

const exact = (_key: string, value: unknown, { source }: { readonly source: string }): unknown =>
  typeof value === 'number' && !Number.isSafeInteger(value) && DIGITS.test(source) ? BigInt(source) : value

/** As JSON.parse; SyntaxError has the position. */
export const parseJson = (text: string): unknown => (LONG_NUMBER.test(text) ? sourceJson.parse(text, exact) : JSON.parse(text))

/** As JSON.stringify. */
export const stringifyJson = (value: unknown, indent?: string | number): string =>
  JSON.stringify(value, (_key, item: unknown) => (typeof item === 'bigint' ? sourceJson.rawJSON(String(item)) : item), indent)
