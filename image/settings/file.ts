/** Files of settings: regular, of bounded size; a missing one is no error unless it was asked for by name. */
import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import { type ErrorKind, WherryError } from '../../runtime/errors.ts'

/** Bytes. */
const LARGEST = 1024 * 1024
/** null(4): major 1, minor 3. */
const NULL_DEVICE = 0x103

const KINDS: Readonly<Record<string, ErrorKind>> = {
  ENOENT: 'not-found',
  ENOTDIR: 'not-found',
  EACCES: 'permission-denied',
  EPERM: 'permission-denied',
}

export const fileError = (path: string, operation: string, cause: unknown): WherryError => {
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error'
  return new WherryError(KINDS[code] ?? 'unavailable', `${operation} ${path}: ${code}`, { cause })
}

/** Undefined if there is none. Throws `invalid-argument` for what is no regular file or too large, else by errno. */
export const readSettings = (path: string): Uint8Array | undefined => {
  let fd: number
  try {
    // not blocking: a FIFO must not hold us up
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY)
  } catch (cause) {
    if (isErrno(cause, 'ENOENT', 'ENOTDIR')) return undefined
    throw fileError(path, 'open', cause)
  }
  try {
    const stat = fstatSync(fd)
    // how people say that they want none
    if (stat.isCharacterDevice() && stat.rdev === NULL_DEVICE) return new Uint8Array()
    if (!stat.isFile()) throw new WherryError('invalid-argument', `${path}: is no regular file`)
    if (stat.size > LARGEST)
      throw new WherryError('invalid-argument', `${path}: has ${stat.size} bytes, more than the ${LARGEST} that are read`)
    return readFileSync(fd)
  } catch (cause) {
    throw cause instanceof WherryError ? cause : fileError(path, 'read', cause)
  } finally {
    closeSync(fd)
  }
}

/** As readSettings, for a file that was asked for: throws `not-found`; `by` says who asked: `$REGISTRY_AUTH_FILE`. */
export const requireSettings = (path: string, by: string): Uint8Array => {
  const bytes = readSettings(path)
  if (bytes === undefined) throw new WherryError('not-found', `${path}: no such file (${by})`)
  return bytes
}
