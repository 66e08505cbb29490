/** What a command takes, as data: the parser, the help, the completion and the manual pages are made from it. */

/**
 * `list` and `integers` may be given several times, of the others the last counts. `duration` is in milliseconds, `size` in bytes. The
 * value of `optional` stands behind `=` or is absent: then it is the empty string.
 */
export type FlagType = 'boolean' | 'string' | 'integer' | 'list' | 'integers' | 'duration' | 'size' | 'optional'

/** A flag; its long name is its key in `Flags`. */
export interface Flag {
  readonly type: FlagType
  /** One letter. */
  readonly short?: string
  /** What the value is, for the help: `FILE`. */
  readonly value?: string
  /** The values there are, for the completion. */
  readonly choices?: readonly string[]
  /** Long names of flags that it cannot stand beside. */
  readonly conflicts?: readonly string[]
  readonly help: string
  /** Accepted and not shown. */
  readonly hidden?: true
}

export type Flags = Readonly<Record<string, Flag>>

interface Types {
  readonly boolean: boolean
  readonly string: string
  readonly integer: number
  readonly list: readonly string[]
  readonly integers: readonly number[]
  readonly duration: number
  readonly size: number
  readonly optional: string
}

/** The given flags by long name; what was not given is absent. */
export type Values<F extends Flags> = { readonly [Name in keyof F]?: Types[F[Name]['type']] }

/** One verb of a door, `Context` being what the door has for all of them. */
export interface Command<Context, F extends Flags = Flags> {
  /** One word, or the two of a group and a verb in it: `image layers`. */
  readonly name: string
  /** Other spellings: `image pull`, `image list`. */
  readonly aliases?: readonly string[]
  /** What it has to do with, for the program’s help: `images`. */
  readonly heading?: string
  readonly summary: string
  /** The positional arguments, for the help: `ID [SIGNAL]`. */
  readonly operands: string
  /** The least and the highest number of positional arguments. */
  readonly count: readonly [least: number, most: number]
  readonly description: string
  readonly flags: F
  /** Flags count up to the first positional argument only: what follows belongs to another program. */
  readonly leading?: true
  readonly hidden?: true
  /** The exit status of a failure; 1 if absent. */
  readonly failure?: number
  /** Resolves to the exit status. */
  run(call: Call<Context, F>): Promise<number>
}

export interface Call<Context, F extends Flags> {
  readonly flags: Values<F>
  readonly args: readonly string[]
  readonly context: Context
}
