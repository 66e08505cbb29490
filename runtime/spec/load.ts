/** A bundle: runtime-spec 1.2, bundle.md. The one file of this folder that reads the disk. */
import { isUtf8 } from 'node:buffer'
import { closeSync, constants, fstatSync, lstatSync, openSync, readSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { InvalidField, WherryError } from '../errors.ts'
import { parseJson } from './json.ts'
import { parseSpec } from './parse.ts'
import type { Spec } from './types.ts'

/** Bytes: far above what any engine writes (a config with a full seccomp profile has 70 KiB). */
export const MAX_CONFIG_SIZE = 16 * 1024 * 1024

export interface Bundle {
  /** Absolute, without symbolic links. */
  readonly bundle: string
  readonly spec: Spec
}

export interface LoadOptions {
  /** One line for the log: what the config says and the runtime passes over. */
  readonly warn: (message: string) => void
}

const codeOf = (error: unknown): string | undefined => (error instanceof Error && 'code' in error ? String(error.code) : undefined)

const failed = (operation: string, file: string, error: unknown): WherryError => {
  const code = codeOf(error)
  const kind = code === 'ENOENT' || code === 'ENOTDIR' ? 'not-found' : code === 'EACCES' ? 'permission-denied' : 'invalid-argument'
  return new WherryError(kind, `cannot ${operation} ${file}: ${code ?? String(error)}`, { cause: error })
}

const attempt = <T>(operation: string, file: string, call: () => T): T => {
  try {
    return call()
  } catch (error) {
    throw failed(operation, file, error)
  }
}

/** O_NONBLOCK: opening a FIFO must not wait for a writer. */
const open = (file: string, name: string): number => {
  try {
    return openSync(file, constants.O_RDONLY | constants.O_NONBLOCK)
  } catch (error) {
    if (codeOf(error) === 'ENOENT')
      throw new WherryError('not-found', `JSON specification file ${name} not found: ${file}`, { cause: error })
    throw failed('open', file, error)
  }
}

const readAll = (fd: number, file: string): Buffer => {
  const stat = fstatSync(fd)
  if (!stat.isFile()) throw new WherryError('invalid-argument', `${file} must be a regular file`)
  // One byte more than the file has, so that one that grew is noticed, whatever its size was.
  const buffer = Buffer.allocUnsafe(Math.min(stat.size, MAX_CONFIG_SIZE) + 1)
  let length = 0
  for (;;) {
    const read = attempt('read', file, () => readSync(fd, buffer, length, buffer.length - length, null))
    if (read === 0) return buffer.subarray(0, length)
    length += read
    if (length < buffer.length) continue
    if (length > MAX_CONFIG_SIZE)
      throw new WherryError('invalid-argument', `${file} must not be larger than ${MAX_CONFIG_SIZE / 1024 / 1024} MiB`)
    throw new WherryError('unavailable', `${file} grew while it was read: try again`)
  }
}

/** The JSON value in `file`, called `name` when it is missing. Throws WherryError; a syntax error is named with its position. */
export const loadJson = (file: string, name: string): unknown => {
  const fd = open(file, name)
  let bytes: Buffer
  try {
    bytes = readAll(fd, file)
  } finally {
    closeSync(fd)
  }
  if (!isUtf8(bytes)) throw new WherryError('invalid-argument', `${file} must be JSON in UTF-8`)
  try {
    return parseJson(bytes.toString('utf8'))
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error
    throw new WherryError('invalid-argument', `${file} is not valid JSON: ${error.message}`, { cause: error })
  }
}

/** A symbolic link is refused, as in runc: who can replace it would choose the root of the container. */
const checkRootfs = (path: string): void => {
  let stat: ReturnType<typeof lstatSync>
  try {
    stat = lstatSync(path)
  } catch (error) {
    throw new InvalidField('root.path', `must be a directory: cannot stat ${path}: ${codeOf(error) ?? String(error)}`)
  }
  if (!stat.isDirectory())
    throw new InvalidField('root.path', `must be a directory${stat.isSymbolicLink() ? ', not a symbolic link' : ''}: ${path}`)
}

/** The config of the bundle in folder `bundle`. Throws InvalidField or another WherryError, before anything is made. */
export const loadBundle = (bundle: string, { warn }: LoadOptions): Bundle => {
  const folder = attempt('find bundle', bundle, () => realpathSync.native(bundle))
  const spec = parseSpec(loadJson(join(folder, 'config.json'), 'config.json'), folder, warn)
  checkRootfs(spec.root.path)
  return { bundle: folder, spec }
}
