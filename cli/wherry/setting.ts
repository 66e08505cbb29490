/** One thing that can be set: for all commands, or for one. */
export interface Setting {
  /** Of `list`: an array in the files, commas between in the variable, a flag that may be given several times. */
  readonly type: 'string' | 'path' | 'boolean' | 'integer' | 'size' | 'duration' | 'list'
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
  /** Its flag is one of this command, under the last part of its name. */
  readonly command?: string
}
