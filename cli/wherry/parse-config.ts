/** The text of a configuration file. */
import { parse, TomlError } from 'smol-toml'
import { WherryError } from '../../runtime/errors.ts'
import type { ConfigFile } from './settings.ts'

/** Throws `invalid-argument`, naming line and column. */
export const parseConfig = (path: string, text: string): ConfigFile => {
  try {
    return { path, table: parse(text) }
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const problem = cause.message.replace(/^Invalid TOML document: /, '').split('\n')[0]
    throw new WherryError('invalid-argument', `${path}:${cause.line}:${cause.column}: ${problem}`)
  }
}
