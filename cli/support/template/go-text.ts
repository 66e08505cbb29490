/** Values as Go’s fmt prints them. Objects are structs, Maps are maps. */

export type Value = unknown

/** Entries of a Map in the order of their keys, as Go has them everywhere in templates. */
export const sortedEntries = (map: ReadonlyMap<unknown, unknown>): readonly (readonly [unknown, unknown])[] =>
  [...map].sort(([a], [b]) => (String(a) < String(b) ? -1 : 1))

/** `%v` */
export const goText = (value: Value): string => {
  if (value === undefined || value === null) return '<no value>'
  if (Array.isArray(value)) return `[${value.map(inner).join(' ')}]`
  if (value instanceof Map)
    return `map[${sortedEntries(value)
      .map(([key, item]) => `${inner(key)}:${inner(item)}`)
      .join(' ')}]`
  if (typeof value === 'object') return `{${Object.values(value).map(inner).join(' ')}}`
  return String(value)
}

const inner = (value: Value): string => (value === undefined || value === null ? '<nil>' : goText(value))

/** Plain values for JSON.stringify. */
const plain = (_key: string, value: unknown): unknown => {
  if (value instanceof Map) return Object.fromEntries(sortedEntries(value).map(([key, item]) => [String(key), item]))
  return typeof value === 'bigint' ? Number(value) : value
}

/** As Go’s encoding/json without its escapes for HTML; what is absent is `null`. */
export const goJson = (value: Value, indent?: string): string => JSON.stringify(value ?? null, plain, indent)

/** strconv.Quote, near enough: the escapes of JSON. */
const quote = (value: Value): string => JSON.stringify(goText(value))

const integer = (value: Value): string | undefined => (typeof value === 'bigint' || Number.isInteger(value) ? String(value) : undefined)

const decimal = (value: Value, precision: number): string | undefined => (typeof value === 'number' ? value.toFixed(precision) : undefined)

const radix = (value: Value, base: number): string | undefined =>
  typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value)) ? value.toString(base) : undefined

const hex = (value: Value): string | undefined => (typeof value === 'string' ? Buffer.from(value).toString('hex') : radix(value, 16))

/** `%g` with a precision: significant digits, no zeros at the end. */
const general = (value: Value, precision: number | undefined): string | undefined =>
  typeof value !== 'number'
    ? undefined
    : precision === undefined
      ? String(value)
      : String(Number(value.toPrecision(Math.max(precision, 1))))

const cut = (text: string, precision: number | undefined): string =>
  precision === undefined ? text : [...text].slice(0, precision).join('')

type Verb = (value: Value, precision: number | undefined) => string | undefined

const VERBS: Readonly<Record<string, Verb>> = {
  v: (value) => inner(value),
  s: (value, precision) => cut(inner(value), precision),
  q: (value, precision) => quote(precision === undefined ? value : cut(goText(value), precision)),
  d: integer,
  t: (value) => (typeof value === 'boolean' ? String(value) : undefined),
  f: (value, precision) => decimal(value, precision ?? 6),
  g: general,
  e: (value, precision) => (typeof value === 'number' ? value.toExponential(precision ?? 6).replace(/e([+-])(\d)$/, 'e$10$2') : undefined),
  x: hex,
  X: (value) => hex(value)?.toUpperCase(),
  o: (value) => radix(value, 8),
  b: (value) => radix(value, 2),
  c: (value) => (typeof value === 'number' ? String.fromCodePoint(value) : undefined),
}

const kindName = (value: Value): string =>
  typeof value === 'string'
    ? 'string'
    : typeof value === 'boolean'
      ? 'bool'
      : typeof value === 'number'
        ? Number.isInteger(value)
          ? 'int'
          : 'float64'
        : typeof value

const pad = (text: string, width: number, flags: string): string => {
  const missing = width - [...text].length
  if (missing <= 0) return text
  if (flags.includes('-')) return text + ' '.repeat(missing)
  if (!flags.includes('0')) return ' '.repeat(missing) + text
  return /^[+-]/.test(text) ? text[0]! + '0'.repeat(missing) + text.slice(1) : '0'.repeat(missing) + text
}

/** fmt.Sprintf. What does not fit is shown in the text, as Go does it. */
export const goPrintf = (format: string, args: readonly Value[]): string => {
  let next = 0
  const text = format.replace(
    /%([-+ 0#]*)(\*|\d+)?(?:\.(\*|\d*))?([a-zA-Z%])?/g,
    (_whole, flags: string, width: string | undefined, precision: string | undefined, verb: string | undefined) => {
      if (verb === '%') return '%'
      if (verb === undefined) return '%!(NOVERB)'
      const number = (given: string | undefined): number | undefined =>
        given === undefined ? undefined : given === '*' ? Number(args[next++]) : Number(given)
      const [wide, precise] = [number(width), number(precision)]
      if (next >= args.length) return `%!${verb}(MISSING)`
      const value = args[next++]
      if (verb === 'T') return kindName(value)
      const written = VERBS[verb]?.(value, precise)
      if (written === undefined) return `%!${verb}(${kindName(value)}=${inner(value)})`
      const signed = flags.includes('+') && typeof value === 'number' && value >= 0 && verb !== 'v' ? `+${written}` : written
      return wide === undefined ? signed : pad(signed, Math.abs(wide), wide < 0 ? `-${flags}` : flags)
    },
  )
  const rest = args.slice(next)
  return rest.length === 0 ? text : `${text}%!(EXTRA ${rest.map((value) => `${kindName(value)}=${inner(value)}`).join(', ')})`
}

/** fmt.Sprint: blanks between operands when neither is a string. */
export const goPrint = (args: readonly Value[]): string =>
  args
    .map((value, index) =>
      index > 0 && typeof value !== 'string' && typeof args[index - 1] !== 'string' ? ` ${inner(value)}` : inner(value),
    )
    .join('')
