/** The keys by which one leaves a container without ending it: `ctrl-p,ctrl-q`, as docker writes them. */
import { UsageError } from '../../support/parse.ts'

export const DETACH_KEYS = 'ctrl-p,ctrl-q'

const CONTROLS = new Map<string, number>([
  ...[...'abcdefghijklmnopqrstuvwxyz'].map((letter, index) => [`ctrl-${letter}`, index + 1] as const),
  ['ctrl-@', 0],
  ['ctrl-[', 27],
  ['ctrl-\\', 28],
  ['ctrl-]', 29],
  ['ctrl-^', 30],
  ['ctrl-_', 31],
  ['DEL', 127],
])

/** The bytes; none for the empty text: then there is no way out by keys. */
export const parseDetachKeys = (text: string): Uint8Array =>
  text === ''
    ? new Uint8Array()
    : Uint8Array.from(
        text.split(',').map((key) => {
          const code = key.length === 1 && key >= ' ' && key <= '~' ? key.charCodeAt(0) : CONTROLS.get(key)
          if (code === undefined)
            throw new UsageError(
              `detach keys ${JSON.stringify(text)}: ${JSON.stringify(key)} is no key: a character, or ctrl- and a letter or one of @[\\]^_`,
            )
          return code
        }),
      )

/** Finds them in what is typed. What may be their beginning is held back until it is known. */
export class DetachFilter {
  readonly #keys: Uint8Array
  #matched = 0

  constructor(keys: Uint8Array) {
    this.#keys = keys
  }

  /** What is to be passed on, and whether the keys were among it: then what follows them is dropped. */
  push(bytes: Uint8Array): { readonly pass: Uint8Array; readonly detached: boolean } {
    if (this.#keys.length === 0) return { pass: bytes, detached: false }
    const pass: number[] = []
    for (const byte of bytes) {
      if (byte !== this.#keys[this.#matched]) {
        pass.push(...this.#keys.subarray(0, this.#matched))
        this.#matched = 0
        if (byte !== this.#keys[0]) {
          pass.push(byte)
          continue
        }
      }
      this.#matched += 1
      if (this.#matched === this.#keys.length) return { pass: Uint8Array.from(pass), detached: true }
    }
    return { pass: Uint8Array.from(pass), detached: false }
  }
}
