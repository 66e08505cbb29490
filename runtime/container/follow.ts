/**
 * Paths of an image with its links followed, as far as they exist: where a mount's target is to be made when the links lead
 * to nothing. Only a proposal: what is made is resolved beneath the root by the kernel again (init/resolve.ts).
 */
import { lstatSync, readlinkSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import type { RootView } from '../rootfs/view.ts'
import { isErrno } from '../sys/error.ts'

/** path_resolution(7). */
const MOST_LINKS = 40

/** Looked at before it is read: most are no links, and an error that is thrown and caught takes longer than a call. */
const linkTarget = (path: string | undefined): string | undefined => {
  if (path === undefined) return undefined
  try {
    return lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink() ? readlinkSync(path) : undefined
  } catch (error) {
    if (isErrno(error, 'EINVAL', 'ENOENT', 'ENOTDIR')) return undefined
    throw error
  }
}

/** `path` below `root`, relative, without links and without `..`; `.` for the root itself. */
export const followInRoot = (root: Pick<RootView, 'real'>, path: string): string => {
  const pending = path.split('/').reverse()
  const done: string[] = []
  let links = 0
  while (pending.length > 0) {
    const part = pending.pop()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const target = linkTarget(root.real([...done, part].join('/')))
    if (target === undefined) {
      done.push(part)
      continue
    }
    links += 1
    if (links > MOST_LINKS) throw new WherryError('invalid-argument', `${path}: too many symbolic links in the root filesystem`)
    if (target.startsWith('/')) done.length = 0
    pending.push(...target.split('/').reverse())
  }
  return done.join('/') || '.'
}

/** The part of `path` below `root`, or undefined where it is not below. */
export const insideRoot = (root: string, path: string): string | undefined =>
  path.startsWith(`${root}/`) ? path.slice(root.length + 1) : undefined
