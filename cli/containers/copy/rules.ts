/** Where things come to be, by docker’s rules: https://docs.docker.com/reference/cli/docker/container/cp/ */
import { basename, normalize } from 'node:path'
import { WherryError } from '../../../runtime/errors.ts'
import { duplicate, statOf } from './at.ts'
import { type Found, resolve } from './resolve.ts'
import type { Tree } from './tree.ts'

/** One side of `cp` as it is written. */
export type Side =
  | { readonly kind: 'stream' }
  | { readonly kind: 'host'; readonly path: string }
  | { readonly kind: 'container'; readonly container: string; readonly path: string }

/** A path with a colon in it is written absolute, or with `./` in front. */
export const parseSide = (text: string): Side => {
  if (text === '-') return { kind: 'stream' }
  const colon = text.indexOf(':')
  if (text.startsWith('/') || text.startsWith('.') || colon < 0) return { kind: 'host', path: text }
  return { kind: 'container', container: text.slice(0, colon), path: text.slice(colon + 1) }
}

/** The contents of a folder are meant, and not itself. */
const meansContents = (path: string): boolean => /(?:^|\/)\.\/*$/.test(path)

const meansFolder = (path: string): boolean => path.endsWith('/') || meansContents(path)

/** The name that it has where it is copied to; empty: it has none, its contents are meant. */
export const baseName = (path: string): string => {
  const clean = normalize(path)
  const name = basename(clean)
  return meansContents(path) || name === '.' || clean === '/' ? '' : name
}

export interface Source {
  readonly found: Found
  readonly name: string
  readonly isFolder: boolean
}

/** Throws `not-found`, `invalid-argument`. */
export const findSource = (tree: Tree, path: string, { follow }: { readonly follow: boolean }): Source => {
  const said = `${tree.name}${path}`
  const found = resolve(tree, path, { follow: follow || meansFolder(path) })
  if (found.fd === undefined) {
    found.close()
    throw new WherryError('not-found', `${said}: no such file or directory`)
  }
  const isFolder = statOf(found.fd).isDirectory()
  const name = baseName(path)
  return { found, name: name === '..' ? found.name : name, isFolder }
}

export interface Destination {
  /** O_PATH, of the folder that is copied into. */
  readonly folder: number
  /** What the source is called there; empty: its contents go into the folder. */
  readonly prefix: string
  close(): void
}

/** For an archive: a folder that is there. */
export const findFolder = (tree: Tree, path: string): Destination => {
  const found = resolve(tree, path, { follow: true })
  if (found.fd !== undefined && statOf(found.fd).isDirectory()) return { folder: found.fd, prefix: '', close: () => found.close() }
  found.close()
  const said = `${tree.name}${path}`
  if (found.fd === undefined)
    throw new WherryError('not-found', `${said}: no such directory: an archive is unpacked into one that is there`)
  throw new WherryError('invalid-argument', `${said}: is no directory: an archive is unpacked into one`)
}

/** Throws `not-found`, `invalid-argument` for a folder onto a file. */
export const findDestination = (tree: Tree, path: string, { name, isFolder }: Pick<Source, 'name' | 'isFolder'>): Destination => {
  const said = `${tree.name}${path}`
  const found = resolve(tree, path, { follow: true })
  const close = (): void => found.close()
  const refuse = (error: WherryError): never => {
    close()
    throw error
  }
  if (found.fd === undefined) {
    if (!isFolder && meansFolder(path))
      refuse(new WherryError('not-found', `${said}: no such directory: make it first, or leave the slash away`))
    return { folder: found.folder!, prefix: found.name, close }
  }
  if (statOf(found.fd).isDirectory()) return { folder: found.fd, prefix: name, close }
  if (isFolder) refuse(new WherryError('invalid-argument', `${said}: is a file, which a directory cannot be copied onto`))
  if (meansFolder(path)) refuse(new WherryError('invalid-argument', `${said}: is no directory`))
  return { folder: found.folder!, prefix: found.name, close }
}

/** The O_PATH descriptor of a folder below `base`, through links within the tree. */
export const throughLinks =
  (tree: Tree, base: string) =>
  (path: string): number => {
    const found = resolve(tree, `${base}/${path}`, { follow: true })
    const { fd } = found
    if (fd === undefined) {
      found.close()
      throw new WherryError('not-found', `${tree.name}${base}/${path}: the link leads to nothing`)
    }
    try {
      return duplicate(fd)
    } finally {
      found.close()
    }
  }
