/** The configuration files: TOML, read where they exist. */
import { readFileSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { configHome } from './directories.ts'
import type { ConfigFile } from './settings.ts'

const SYSTEM = '/etc/wherry/wherry.toml'

const textOf = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

const parsed = async (path: string, text: string): Promise<ConfigFile> => {
  const { parse, TomlError } = await import('smol-toml')
  try {
    return { path, table: parse(text) }
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const problem = cause.message.replace(/^Invalid TOML document: /, '').split('\n')[0]
    throw new WherryError('invalid-argument', `${path}:${cause.line}:${cause.column}: ${problem}`)
  }
}

/** @param named the one that a flag or a variable names, which must exist; else the user’s and behind it the system’s. */
export const configFiles = async (named: string | undefined, env: NodeJS.ProcessEnv): Promise<readonly ConfigFile[]> => {
  const paths = named === undefined ? [...configHome(env).map((home) => `${home}/wherry/wherry.toml`), SYSTEM] : [named]
  const files: ConfigFile[] = []
  for (const path of paths) {
    const text = textOf(path)
    if (text === undefined && named !== undefined) throw new WherryError('not-found', `configuration file ${path} does not exist`)
    if (text !== undefined) files.push(await parsed(path, text))
  }
  return files
}
