/** One thing that can be set for all commands. */
export interface Setting {
  readonly type: 'string' | 'path' | 'boolean' | 'integer' | 'size' | 'duration'
  /** What the value is, for the help. */
  readonly value?: string
  readonly choices?: readonly string[]
  readonly help: string
  /** In words, for the help. */
  readonly default: string
  readonly env: string
  /** Name in the files; tables with a dot: `pull.parallel`. What says where the files are has none. */
  readonly key?: string
  /** The setting has no flag. */
  readonly flagless?: true
}
