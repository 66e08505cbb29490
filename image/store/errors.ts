/** What goes wrong with the disk under the store, in words that say what to do. */
import type { ErrorKind } from '../../runtime/errors.ts'
import { WherryError } from '../../runtime/errors.ts'

const ADVICE: Readonly<Record<string, readonly [ErrorKind, string]>> = {
  ENOSPC: ['resource-exhausted', 'the disk is full: `wherry system df` shows what takes the space, `wherry image prune` frees some'],
  EDQUOT: [
    'resource-exhausted',
    'the disk quota is used up: `wherry system df` shows what takes the space, `wherry image prune` frees some',
  ],
  EROFS: ['failed-precondition', 'the file system is read-only: mount it read-write, or move the store with --root'],
  EACCES: ['permission-denied', 'the store belongs to another user: run as its owner, or choose a store of your own with --root'],
  EPERM: ['permission-denied', 'the store belongs to another user or is immutable: run as its owner, or choose another with --root'],
  EIO: ['data-loss', 'the disk fails: see dmesg, then `wherry system check --repair`'],
  EUCLEAN: ['data-loss', 'the file system is damaged: run fsck, then `wherry system check --repair`'],
  EMFILE: ['resource-exhausted', 'too many open files: raise `ulimit -n`'],
  ENFILE: ['resource-exhausted', 'too many open files on this machine: raise sysctl fs.file-max'],
}

/** Errors of the store itself are returned as they are; `doing` names operation and thing: `store /x: writing blob sha256:…`. */
export const storeError = (error: unknown, doing: string): Error => {
  if (error instanceof WherryError || !(error instanceof Error)) return error as Error
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined
  if (code === undefined || error.name === 'AbortError') return error
  const [kind, advice] = ADVICE[code] ?? ['internal', error.message]
  return new WherryError(kind, `${doing}: ${code} (${advice})`, { cause: error })
}

export const guard = <T>(doing: string, work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw storeError(error, doing)
  }
}

export const guardAsync = async <T>(doing: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw storeError(error, doing)
  }
}
