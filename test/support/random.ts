/**
 * Random input that can be had again: WHERRY_FUZZ is how many rounds (default: as the test says), WHERRY_FUZZ_SEED where they begin (default 1;
 * `random` for a new one). What fails says its seed: WHERRY_FUZZ=1 WHERRY_FUZZ_SEED=… repeats that round alone.
 */
import { test, type TestContext } from 'node:test'

export class Random {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** 32 bits (mulberry32). */
  word(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let t = this.#state
    t = Math.imul(t ^ (t >>> 15), t | 1)
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61)
    return (t ^ (t >>> 14)) >>> 0
  }

  /** 0 … below − 1 */
  below(limit: number): number {
    return this.word() % limit
  }

  /** first … last */
  between(first: number, last: number): number {
    return first + this.below(last - first + 1)
  }

  chance(percent: number): boolean {
    return this.below(100) < percent
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!
  }

  list<T>(most: number, make: () => T): T[] {
    return Array.from({ length: this.below(most + 1) }, make)
  }

  text(alphabet: string, least: number, most: number): string {
    return Array.from({ length: this.between(least, most) }, () => this.pick([...alphabet])).join('')
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.below(256))
  }
}

/** What parsers stumble over. */
export const NASTY: readonly string[] = [
  '',
  ' ',
  '\0',
  '\n',
  '\r\n',
  '\u001b[2J',
  '\u202e',
  '\ufeff',
  '\ud800',
  'é',
  '٠',
  '💥',
  '/',
  '//',
  '..',
  '../..',
  ':',
  '@',
  '[',
  ']',
  '{',
  '}',
  '"',
  '\\',
  '\\u0000',
  '-',
  '-1',
  '0',
  '00',
  '0x0',
  '1e999',
  '9007199254740993',
  '4294967295',
  '4294967296',
  'null',
  'true',
  'NaN',
  '__proto__',
  'constructor',
  'sha256:',
  `sha256:${'a'.repeat(64)}`,
  'A',
  'a'.repeat(300),
  '=',
  ',',
  ';',
  '%00',
  '*',
  '*.',
  '$(reboot)',
  'localhost',
  'docker.io',
  '[::1]:5000',
]

/** `text` with a few things changed. */
export const mutateText = (random: Random, text: string): string => {
  let changed = text
  for (let times = random.between(1, 4); times > 0; times--) {
    const at = random.below(changed.length + 1)
    const length = random.below(Math.min(12, changed.length - at) + 1)
    const middle = changed.slice(at, at + length)
    changed =
      changed.slice(0, at) +
      random.pick([
        () => '',
        () => middle + middle,
        () => random.pick(NASTY),
        () => String.fromCharCode(random.below(random.chance(80) ? 128 : 65536)),
      ])() +
      changed.slice(at + (random.chance(50) ? length : 0))
  }
  return changed
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

const nastyValue = (random: Random): unknown =>
  random.pick<() => unknown>([
    () => null,
    () => random.pick([true, false]),
    () => random.pick([0, -1, -0, 1.5, 2 ** 31, 2 ** 32, 2 ** 53, 2 ** 63, 1e308]),
    () => random.pick(NASTY),
    () => [],
    () => ({}),
    () => [random.pick(NASTY)],
    () => ({ [random.pick(NASTY)]: random.pick(NASTY) }),
  ])()

/** `value`, a JSON value, with something in it replaced, renamed, added or taken away. */
export const mutateJson = (random: Random, value: unknown): unknown => {
  if (typeof value !== 'object' || value === null || random.chance(10))
    return random.chance(70) || typeof value !== 'string' ? nastyValue(random) : mutateText(random, value)
  if (Array.isArray(value)) {
    const list = [...(value as readonly Json[])] as unknown[]
    const at = random.below(list.length + 1)
    if (at === list.length) list.push(nastyValue(random))
    else if (random.chance(20)) list.splice(at, 1)
    else list[at] = mutateJson(random, list[at])
    return list
  }
  const entries = Object.entries(value)
  const at = random.below(entries.length + 1)
  const entry = entries[at]
  if (entry === undefined) entries.push([random.pick(NASTY), nastyValue(random)])
  else if (random.chance(30))
    if (random.chance(50)) entries.splice(at, 1)
    else entries[at] = [random.chance(50) ? entry[0].toUpperCase() : mutateText(random, entry[0]), entry[1]]
  else entries[at] = [entry[0], mutateJson(random, entry[1])]
  return Object.fromEntries(entries)
}

const begin = (): number => {
  const named = process.env['WHERRY_FUZZ_SEED'] ?? '1'
  return named === 'random' ? Math.floor(Math.random() * 2 ** 31) : Number(named)
}

/** A test of many rounds, each with a generator of its own. */
export const fuzz = (name: string, rounds: number, round: (random: Random, t: TestContext) => void | Promise<void>): void => {
  test(`fuzz: ${name}`, async (t) => {
    const seed = begin()
    const times = Number(process.env['WHERRY_FUZZ'] ?? rounds)
    for (let index = 0; index < times; index++)
      try {
        await round(new Random(seed + index), t)
      } catch (cause) {
        throw new Error(`WHERRY_FUZZ=1 WHERRY_FUZZ_SEED=${seed + index} repeats it: ${cause instanceof Error ? cause.message : cause}`, {
          cause,
        })
      }
  })
}
