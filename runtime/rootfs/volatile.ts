/**
 * Overlay marks the work folder of a volatile mount and refuses to mount it again: after a power cut the upper folder may be torn,
 * and nobody would know (overlayfs.rst, "Volatile mount"). A container that was merely killed has lost nothing, the page cache is
 * the kernel's. So the boot is written down beside overlay's mark: in the same boot the mark is taken away, in another one
 * the folder is refused.
 */
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { bootId } from '../boot.ts'
import { WherryError } from '../errors.ts'
import { isErrno } from '../sys/error.ts'

/** Overlay's own, `work` within the work folder. */
const INCOMPAT = 'work/incompat'
const MARK = `${INCOMPAT}/volatile`
/** Ours, which overlay passes over. */
const BOOT = 'boot'

const tryRead = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8').trim()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

/** Takes overlay's mark away, or throws failed-precondition. Then writes this boot down if the new mount is volatile. */
export const settleVolatile = (upper: string, work: string, volatile: boolean): void => {
  const boot = `${work}/${BOOT}`
  const now = bootId()
  if (statSync(`${work}/${MARK}`, { throwIfNoEntry: false }) !== undefined) {
    if (tryRead(boot) !== now)
      throw new WherryError(
        'failed-precondition',
        `upper folder ${upper} was used without syncing (volatile) before this machine's last start, so its content may be torn: remove it and ${work}, and create the container anew`,
      )
    rmSync(`${work}/${INCOMPAT}`, { recursive: true })
  }
  if (volatile) writeFileSync(boot, `${now}\n`)
  else rmSync(boot, { force: true })
}
