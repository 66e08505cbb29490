/**
 * Paths within a tree, name by name and each by a descriptor of its folder: path_resolution(7) with the tree’s root for `/`, as
 * openat2(2) has it with RESOLVE_IN_ROOT and RESOLVE_NO_MAGICLINKS. It is done here because a container that does not run has no mount
 * namespace: what is to be mounted into it is found on the way. A folder that is moved meanwhile, or becomes a link, changes nothing:
 * `..` leads to where we came from, and what is opened is never a link.
 */
import { closeSync } from 'node:fs'
import { decodeBytes, shown } from '../../../image/layer/bytes.ts'
import { readLink } from '../../../image/layer/unpack/calls.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { ERRNO } from '../../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../../runtime/sys/error.ts'
import { duplicate, openName, statOf } from './at.ts'
import type { Tree } from './tree.ts'

const MAX_LINKS = 40

export interface Found {
  /** O_PATH; undefined: there is nothing of this name in the folder. */
  readonly fd: number | undefined
  /** Of the root itself: undefined. O_PATH. */
  readonly folder: number | undefined
  readonly name: string
  close(): void
}

const missing = (tree: Tree, path: string, name: string): WherryError =>
  new WherryError('not-found', `${tree.name}${path}: there is no ${shown(name)} on the way there`)

/**
 * `follow`: also a symbolic link at the end; where that leads to nothing, the result is the place it names. Throws `not-found` where a
 * folder on the way is missing, `invalid-argument` where something on the way is no folder.
 */
export const resolve = (tree: Tree, path: string, { follow }: { readonly follow: boolean }): Found => {
  const way: { fd: number; name: string }[] = [{ fd: duplicate(tree.root), name: '' }]
  const leave = (keep: number): void => {
    for (const { fd } of way.splice(keep)) closeSync(fd)
  }
  const refuse = (problem: string): WherryError => new WherryError('invalid-argument', `${tree.name}${path}: ${problem}`)
  let todo = path.split('/')
  let links = 0
  try {
    for (;;) {
      const name = todo.shift()
      if (name === undefined) break
      if (name === '' || name === '.') continue
      if (name === '..') {
        leave(Math.max(1, way.length - 1))
        continue
      }
      if (name.includes('\0')) throw refuse('has a NUL in it')
      const here = way.at(-1)!.fd
      const last = todo.every((part) => part === '' || part === '.')
      const opened = openName(here, name)
      if (opened === -ERRNO.ENOENT) {
        if (!last) throw missing(tree, path, name)
        return found(way, undefined, name)
      }
      if (opened < 0) throw new SyscallError('openat', -opened, { args: [`${tree.name}${path}`] })
      const fd = tree.enter(opened)
      const stat = statOf(fd)
      if (stat.isSymbolicLink() && (todo.length > 0 || follow)) {
        const target = decodeBytes(readLink(fd))
        closeSync(fd)
        if (++links > MAX_LINKS) throw refuse('its symbolic links lead in a circle')
        if (target.startsWith('/')) leave(1)
        todo = [...target.split('/'), ...todo]
        continue
      }
      if (!stat.isDirectory()) {
        if (todo.length === 0) return found(way, fd, name)
        closeSync(fd)
        throw refuse(`${shown(name)} is no folder`)
      }
      way.push({ fd, name })
    }
    const end = way.pop()!
    return found(way, end.fd, end.name)
  } catch (error) {
    leave(0)
    throw error
  }
}

/** Takes the descriptors over: of the way only the last folder is of use. */
const found = (way: { fd: number }[], fd: number | undefined, name: string): Found => {
  const folder = way.pop()?.fd
  for (const one of way) closeSync(one.fd)
  return {
    fd,
    folder,
    name,
    close() {
      for (const one of [fd, folder]) if (one !== undefined) closeSync(one)
    },
  }
}
