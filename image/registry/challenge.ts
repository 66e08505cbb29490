/** WWW-Authenticate, RFC 9110, section 11.6.1: what logins a server takes. */

export interface Challenge {
  /** In lower case: `basic`, `bearer`. */
  readonly scheme: string
  /** Names in lower case; of a parameter that is there twice, the first. */
  readonly parameters: Readonly<Record<string, string>>
}

/** Characters looked at; registries’ challenges have some 200. */
const LONGEST = 8192
const TOKEN = /[!#$%&'*+.^_`|~0-9A-Za-z-]+/y
const TOKEN68 = /[A-Za-z0-9._~+/-]+=*(?=[ \t]*(?:,|$))/y
const QUOTED = /"((?:[^"\\]|\\.)*)"/sy
const SPACE = /[ \t]*/y
const SEPARATORS = /[ \t,]*/y

class Scanner {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  get done(): boolean {
    return this.#at >= this.#text.length
  }

  /** The match of the sticky pattern here, which is then behind us. */
  take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = this.#at
    const match = pattern.exec(this.#text) ?? undefined
    if (match !== undefined) this.#at = pattern.lastIndex
    return match
  }

  character(wanted: string): boolean {
    if (this.#text[this.#at] !== wanted) return false
    this.#at++
    return true
  }

  /** Runs `attempt`; where it gives undefined, nothing was taken. */
  maybe<T>(attempt: () => T | undefined): T | undefined {
    const start = this.#at
    const result = attempt()
    if (result === undefined) this.#at = start
    return result
  }
}

const parameter = (scanner: Scanner): readonly [string, string] | undefined =>
  scanner.maybe(() => {
    const name = scanner.take(TOKEN)?.[0]
    scanner.take(SPACE)
    if (name === undefined || !scanner.character('=')) return undefined
    scanner.take(SPACE)
    const quoted = scanner.take(QUOTED)
    const value = quoted === undefined ? scanner.take(TOKEN)?.[0] : quoted[1]!.replace(/\\(.)/gs, '$1')
    return value === undefined ? undefined : [name.toLowerCase(), value]
  })

/** The challenges in their order. What cannot be understood ends the list: what came before it stands. */
export const parseChallenges = (header: string | null): readonly Challenge[] => {
  const scanner = new Scanner((header ?? '').slice(0, LONGEST))
  const challenges: Challenge[] = []
  for (scanner.take(SEPARATORS); !scanner.done; scanner.take(SEPARATORS)) {
    const scheme = scanner.take(TOKEN)?.[0].toLowerCase()
    if (scheme === undefined) break
    const parameters: Record<string, string> = Object.create(null)
    challenges.push({ scheme, parameters })
    scanner.take(SPACE)
    for (let found = parameter(scanner); found !== undefined; found = parameter(scanner)) {
      const [name, value] = found
      if (!(name in parameters)) parameters[name] = value
      scanner.take(SEPARATORS)
    }
    if (Object.keys(parameters).length === 0) scanner.take(TOKEN68)
  }
  return challenges
}
