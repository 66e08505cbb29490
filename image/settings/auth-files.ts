/** Which auth files are read and which one is written; writing it so that it is never half there. */
import { existsSync, mkdirSync, openSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { isErrno } from '../../runtime/sys/error.ts'
import { tryFlock, unlock, until } from '../store/flock.ts'
import { syncFolder, unique, writeWhole } from '../store/files.ts'
import { type AuthFile, EMPTY, parseAuthFile } from './auth-file.ts'
import { fileError, readSettings, requireSettings } from './file.ts'
import { configHome, dockerHome, runtimeDir, type Surroundings, variable } from './surroundings.ts'

const VARIABLE = 'REGISTRY_AUTH_FILE'

const named = (around: Surroundings, chosen: string | undefined): string | undefined => chosen ?? variable(around, VARIABLE)

/** The file that `login` and `logout` write; podman’s too. */
export const primaryPath = (around: Surroundings, chosen?: string): string => {
  const folder = runtimeDir(around)
  return (
    named(around, chosen) ??
    (folder === undefined ? join(around.run, 'containers', String(around.uid), 'auth.json') : join(folder, 'containers', 'auth.json'))
  )
}

/** Whether one file was chosen by name, so that no other counts. */
export const isChosen = (around: Surroundings, chosen?: string): boolean => named(around, chosen) !== undefined

const load = (path: string): AuthFile | undefined => {
  const bytes = readSettings(path)
  return bytes === undefined ? undefined : parseAuthFile(bytes, path)
}

/** The files there are, in the order in which credentials are looked for. One that was chosen by name is the only one, and must be there. */
export const authFiles = (around: Surroundings, chosen?: string): readonly AuthFile[] => {
  const path = named(around, chosen)
  if (path !== undefined) return [parseAuthFile(requireSettings(path, chosen === undefined ? `$${VARIABLE}` : '--authfile'), path)]
  return [primaryPath(around), join(configHome(around), 'containers', 'auth.json'), join(dockerHome(around), 'config.json')]
    .map(load)
    .filter((file) => file !== undefined)
}

/** A file that is a link stays one. */
const target = (path: string): string => {
  try {
    return realpathSync(path)
  } catch (cause) {
    if (isErrno(cause, 'ENOENT')) return path
    throw fileError(path, 'resolve', cause)
  }
}

/**
 * Gives the file at `path` to `change` and writes what comes back; undefined leaves it as it is. Where there is none, one
 * is made, or nothing is done. Nobody else of ours writes it meanwhile.
 * The file is 0600, a folder that is made for it 0700.
 */
export const changeAuthFile = async (
  path: string,
  missing: 'make' | 'leave',
  change: (file: AuthFile) => Promise<Readonly<Record<string, unknown>> | undefined>,
): Promise<void> => {
  const real = target(path)
  if (missing === 'leave' && !existsSync(real)) return
  const folder = dirname(real)
  let lock: number
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    lock = openSync(folder, 'r')
  } catch (cause) {
    throw fileError(folder, 'make', cause)
  }
  try {
    await until(() => tryFlock(lock, 'exclusive', folder) || undefined)
    const content = await change(load(real) ?? EMPTY(real))
    if (content === undefined) return
    const bytes = Buffer.from(`${JSON.stringify(content, undefined, '\t')}\n`)
    await writeWhole(real, bytes, { temporary: join(folder, `.${basename(real)}.${unique()}`) })
    await syncFolder(folder)
  } catch (cause) {
    throw isErrno(cause, 'EACCES', 'EPERM', 'EROFS', 'ENOSPC', 'EDQUOT', 'EIO') ? fileError(real, 'write', cause) : cause
  } finally {
    unlock(lock)
  }
}
