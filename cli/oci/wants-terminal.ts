import { readFileSync, statSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { parseJson } from '../../runtime/spec/json.ts'
import { MAX_CONFIG_SIZE } from '../../runtime/spec/load.ts'

/** Whether a config asks for a terminal; false for what is no config, because who loads it says what is wrong with it. */
export const asksForTerminal = (text: string): boolean => {
  // nearly all have none: spare them a second parsing
  if (!/"terminal"\s*:\s*true/.test(text)) return false
  try {
    const config = parseJson(text) as { readonly process?: { readonly terminal?: unknown } } | null
    return config?.process?.terminal === true
  } catch (error) {
    if (error instanceof SyntaxError) return false
    throw error
  }
}

export const wantsTerminal = (bundle: string): boolean => {
  const file = `${bundle}/config.json`
  try {
    const stat = statSync(file)
    return stat.isFile() && stat.size <= MAX_CONFIG_SIZE && asksForTerminal(readFileSync(file, 'utf8'))
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EISDIR')) return false
    throw error
  }
}
