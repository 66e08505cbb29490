/** Where things are if nobody says it: the system’s folders for root, those of the XDG Base Directory Specification for others. */
import { lstatSync, mkdirSync } from 'node:fs'
import { isAbsolute } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'

/** Relative paths in these variables are to be ignored, says the specification. */
const absolute = (path: string | undefined): string | undefined => (path !== undefined && isAbsolute(path) ? path : undefined)

const below = (env: NodeJS.ProcessEnv, variable: string, usual: string): string | undefined => {
  const given = absolute(env[variable])
  if (given !== undefined) return given
  const home = absolute(env['HOME'])
  return home === undefined ? undefined : `${home}/${usual}`
}

/** The folder of the user’s configuration; none where there is no home. */
export const configHome = (env: NodeJS.ProcessEnv): readonly string[] => {
  const folder = below(env, 'XDG_CONFIG_HOME', '.config')
  return folder === undefined ? [] : [folder]
}

/** @param uid of the user outside of any namespace that we made ourselves. */
export const defaultRoot = (env: NodeJS.ProcessEnv, uid: number): string => {
  if (uid === 0) return '/var/lib/wherry'
  const folder = below(env, 'XDG_DATA_HOME', '.local/share')
  if (folder === undefined)
    throw new WherryError('failed-precondition', 'no folder for images: $HOME is not set; set it, or $XDG_DATA_HOME, or give --root')
  return `${folder}/wherry`
}

/** Others must not have put it there: below /tmp everybody may. */
const checkedOwn = (folder: string, uid: number): string => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const { mode, uid: owner } = lstatSync(folder)
  if (owner !== uid || (mode & 0o170077) !== 0o040000)
    throw new WherryError(
      'permission-denied',
      `${folder} is not a folder of yours alone (mode 0700): remove it, set $XDG_RUNTIME_DIR, or give --run-root`,
    )
  return folder
}

export const defaultRunRoot = (env: NodeJS.ProcessEnv, uid: number): string => {
  if (uid === 0) return '/run/wherry'
  const folder = absolute(env['XDG_RUNTIME_DIR'])
  return folder === undefined ? checkedOwn(`/tmp/wherry-run-${uid}`, uid) : `${folder}/wherry`
}
