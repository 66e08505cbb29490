/** Files of a cgroup directory. Failures are SyscallErrors that name file, value, errno and what to do. */
import { closeSync, openSync, readFileSync, writeSync } from 'node:fs'
import { isErrno, SyscallError } from '../sys/error.ts'
import { O_WRONLY } from '../sys/abi/fcntl.ts'
import { hintFor } from './hints.ts'

export interface FailureOptions {
  /** What is done, in the caller's words: the field of the config. */
  readonly during?: string | undefined
  readonly hint?: string | undefined
}

/** The error of node:fs as SyscallError of `call` with these arguments; anything else as it is. */
export const failure = (error: unknown, call: string, args: readonly string[], options: FailureOptions = {}): unknown => {
  if (!(error instanceof Error) || !('errno' in error) || typeof error.errno !== 'number') return error
  return new SyscallError(call, Math.abs(error.errno), {
    args,
    cause: error,
    ...(options.during === undefined ? {} : { during: options.during }),
    ...(options.hint === undefined ? {} : { hint: options.hint }),
  })
}

/** The whole file. */
export const readCgroupFile = (dir: string, file: string): string => {
  try {
    return readFileSync(`${dir}/${file}`, 'utf8')
  } catch (error) {
    throw failure(error, 'read', [`${dir}/${file}`])
  }
}

/** The whole file, or undefined if there is none: no such file, or the cgroup went away (ENODEV is what reading then gives). */
export const tryReadCgroupFile = (dir: string, file: string): string | undefined => {
  try {
    return readFileSync(`${dir}/${file}`, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENODEV', 'ENOTDIR')) return undefined
    throw failure(error, 'read', [`${dir}/${file}`])
  }
}

/** One write(2) per value, because the kernel takes each as a whole, to one opened file. */
export const writeCgroupFile = (dir: string, file: string, values: readonly string[], options: FailureOptions = {}): void => {
  const path = `${dir}/${file}`
  let value = values[0] ?? ''
  try {
    // Without O_CREAT, or a file that does not exist would be EACCES.
    const fd = openSync(path, O_WRONLY)
    try {
      for (value of values) writeSync(fd, value)
    } finally {
      closeSync(fd)
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    throw failure(error, 'write', [path, JSON.stringify(value)], { hint: hintFor(dir, file, value, code), ...options })
  }
}
