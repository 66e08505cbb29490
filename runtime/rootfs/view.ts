/**
 * A root filesystem as it will be seen, for what must be known of it before anything is mounted: where links of the image lead,
 * which mount points are there, what the user database says. What is found is only a proposal: the kernel resolves every
 * path beneath the root again (init/resolve.ts).
 */
import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { isErrno } from '../sys/error.ts'
import { trySyscall } from '../sys/syscall.ts'
import type { OverlayStyle, RootfsDescription } from './types.ts'

export interface RootView {
  /** The one folder that has it all, if there is one: a folder of the host, or a mount by /proc/self/fd. */
  readonly folder: string | undefined
  /** Where the host has what is at `path` (relative; `.` or '' is the root), whose folders are no links. Undefined: nothing is there, or this user cannot tell. */
  real(path: string): string | undefined
  /** The entries of a folder. */
  names(path: string): readonly string[]
}

export const folderView = (folder: string): RootView => ({
  folder,
  real: (path) => `${folder}/${path}`,
  names: (path) => readdirSync(`${folder}/${path}`),
})

const tryLstat = (path: string): Stats | undefined => {
  try {
    return lstatSync(path, { throwIfNoEntry: false })
  } catch (error) {
    if (isErrno(error, 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG')) return undefined
    throw error
  }
}

const isWhiteout = (stat: Stats): boolean => stat.isCharacterDevice() && stat.rdev === 0

const isOpaque = (path: string, style: OverlayStyle): boolean => {
  const value = Buffer.alloc(2)
  const name = style === 'user' ? 'user.overlay.opaque' : 'trusted.overlay.opaque'
  return trySyscall('lgetxattr', path, name, value, value.length) === 1 && value[0] === 'y'.charCodeAt(0)
}

interface Found {
  /** The highest one. */
  readonly top: string
  /** Of a folder: the folders it is merged of, the highest first. */
  readonly folders: readonly string[]
}

const step = (folders: readonly string[], name: string, style: OverlayStyle): Found | undefined => {
  const merged: string[] = []
  for (const folder of folders) {
    const path = `${folder}/${name}`
    const stat = tryLstat(path)
    if (stat === undefined) continue
    if (isWhiteout(stat)) break
    if (!stat.isDirectory()) {
      if (merged.length === 0) return { top: path, folders: [] }
      break
    }
    merged.push(path)
    if (isOpaque(path, style)) break
  }
  return merged.length === 0 ? undefined : { top: merged[0]!, folders: merged }
}

const parts = (path: string): string[] => path.split('/').filter((part) => part !== '' && part !== '.')

/** The folders of the layers that a folder is merged of, the lowest first; none where it is no folder. @param path without links */
export const foldersAt = ({ lowers }: Pick<RootfsDescription, 'lowers'>, path: string, style: OverlayStyle): readonly string[] =>
  parts(path)
    .reduce<readonly string[]>((folders, name) => step(folders, name, style)?.folders ?? [], lowers.toReversed())
    .toReversed()

/** Layers that are not mounted yet. */
export const mergedView = ({ lowers, upper }: RootfsDescription, style: OverlayStyle): RootView => {
  const roots = [...(upper === undefined ? [] : [upper]), ...lowers.toReversed()]
  const find = (path: string): Found | undefined =>
    parts(path).reduce<Found | undefined>((at, name) => (at === undefined ? undefined : step(at.folders, name, style)), {
      top: roots[0]!,
      folders: roots,
    })
  const names = (path: string): readonly string[] => {
    const all = new Set<string>()
    for (const folder of find(path)?.folders ?? []) for (const name of readdirSync(folder)) all.add(name)
    return [...all].filter((name) => find(`${path}/${name}`) !== undefined)
  }
  return { folder: undefined, real: (path) => find(path)?.top, names }
}
