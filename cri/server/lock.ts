/** One server for one state: flock(2) on a file in its folder, which ends with the process. */
import { closeSync, constants, mkdirSync, openSync } from 'node:fs'
import { tryFlock } from '../../image/store/flock.ts'
import { WherryError } from '../../runtime/errors.ts'

export interface StateLock {
  release(): void
}

const lock = (folder: string): number => {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = `${folder}/lock`
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  if (tryFlock(fd, 'exclusive', path)) return fd
  closeSync(fd)
  throw new WherryError('failed-precondition', `another server uses ${folder}: end it, or choose other folders with --root and --run-root`)
}

/** Throws `failed-precondition` where another one lives. */
export const lockState = (...folders: readonly string[]): StateLock => {
  const held: number[] = []
  const release = (): void => {
    for (const fd of held.splice(0)) closeSync(fd)
  }
  try {
    for (const folder of folders) held.push(lock(folder))
  } catch (error) {
    release()
    throw error
  }
  return { release }
}
