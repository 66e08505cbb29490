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

/** @param named the one that a flag or a variable names, which must exist; else the user’s and behind it the system’s. */
export const configFiles = async (named: string | undefined, env: NodeJS.ProcessEnv): Promise<readonly ConfigFile[]> => {
  const paths = named === undefined ? [...configHome(env).map((home) => `${home}/wherry/wherry.toml`), SYSTEM] : [named]
  const files: ConfigFile[] = []
  for (const path of paths) {
    const text = textOf(path)
    if (text === undefined && named !== undefined) throw new WherryError('not-found', `configuration file ${path} does not exist`)
    // to load the parser takes longer than to read what most machines have
    if (text !== undefined && text !== '') files.push((await import('./parse-config.ts')).parseConfig(path, text))
  }
  return files
}
