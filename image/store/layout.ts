/**
 * The folders of the store.
 *
 *   oci-layout, index.json, blobs/<alg>/<hex>      an OCI image layout (image-layout.md) at all times
 *   index.json.previous                            what index.json was before its last change, for a repair
 *   store.json                                     version of what follows
 *   ingest/<alg>-<hex>                             a blob on its way; locked (flock) by who brings it, kept when he dies
 *   ingest/tmp-…, ingest/trash-…                   small files being written; what is being deleted
 *   layers/<alg>/<hex>/{root/, layer.json}         unpacked layers
 *   layers/tmp-…                                   layers being unpacked, locked; rubbish once unlocked
 *   leases/live-…, leases/kept-<owner>             what must not be collected
 *   locks/gc, locks/index                          held for moments
 *
 * Everything is 0700 and 0600. Blobs too: who may not enter the root cannot read them anyway, and root, and whoever runs skopeo or
 * umoci as the store's owner, can; but should somebody open up the root one day, nothing below it is open with it.
 */
import { chmodSync, existsSync, linkSync, lstatSync, mkdirSync, readFileSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { algorithmOf, type Digest, encodedOf } from '../digest.ts'
import { guard } from './errors.ts'
import { unique } from './files.ts'

export const VERSION = 1
const OCI_LAYOUT = '{"imageLayoutVersion":"1.0.0"}'
export const EMPTY_INDEX = '{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}'

const FOLDERS = ['blobs', 'blobs/sha256', 'ingest', 'layers', 'layers/sha256', 'leases', 'locks'] as const

export interface Layout {
  /** Absolute. */
  readonly root: string
  readonly readonly: boolean
}

const nameOf = (digest: Digest): string => `${algorithmOf(digest)}/${encodedOf(digest)}`

export const blobPath = ({ root }: Layout, digest: Digest): string => `${root}/blobs/${nameOf(digest)}`
export const ingestPath = ({ root }: Layout, digest: Digest): string => `${root}/ingest/${algorithmOf(digest)}-${encodedOf(digest)}`
export const layerPath = ({ root }: Layout, key: Digest): string => `${root}/layers/${nameOf(key)}`
export const lockPath = ({ root }: Layout, name: 'gc' | 'index'): string => `${root}/locks/${name}`
/** A new name each time. */
export const temporaryPath = ({ root }: Layout): string => `${root}/ingest/tmp-${process.pid}-${unique()}`
export const trashPath = ({ root }: Layout): string => `${root}/ingest/trash-${process.pid}-${unique()}`

/** The folder of blobs or layers with digests of this algorithm; made if it is not there. */
export const algorithmFolder = ({ root }: Layout, kind: 'blobs' | 'layers', digest: Digest): string => {
  const path = `${root}/${kind}/${algorithmOf(digest)}`
  makeFolder(path)
  return path
}

export const mustWrite = ({ root, readonly }: Layout): void => {
  if (readonly) throw new WherryError('failed-precondition', `store ${root} was opened for reading only`)
}

const makeFolder = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
}

/** With its parents. Node says ENOENT of a recursive mkdir on a read-only file system, so that is the second try. */
const makeRoot = (root: string): void => {
  try {
    makeFolder(root)
  } catch (error) {
    if (!isErrno(error, 'ENOENT')) throw error
    mkdirSync(root, { recursive: true, mode: 0o700 })
  }
}

/** Refuses what is no folder of our own; takes the rights of others away. */
const checkFolder = (path: string, readonly: boolean, stat = lstatSync(path)): void => {
  if (!stat.isDirectory())
    throw new WherryError(
      'failed-precondition',
      `store: ${path} is ${stat.isSymbolicLink() ? 'a symbolic link' : 'not a folder'}: put a folder there, or bind-mount one`,
    )
  if (stat.uid !== process.geteuid!() && !(readonly && stat.uid === 0))
    throw new WherryError(
      'permission-denied',
      `store: ${path} belongs to user ${stat.uid}: run as that user, or choose a store of your own with --root`,
    )
  if ((stat.mode & 0o077) !== 0 && !readonly) chmodSync(path, 0o700)
}

const readIfThere = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

const parse = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The version, or undefined where there is none or it cannot be read (`check` repairs it; all it protects is from newer programs). */
export const versionIn = (text: string | undefined): number | undefined => {
  const value = text === undefined ? undefined : parse(text)
  return typeof value === 'object' && value !== null && 'version' in value && typeof value.version === 'number' ? value.version : undefined
}

/** Whether oci-layout says what it must. */
export const isLayoutFile = (text: string | undefined): boolean => {
  const value = text === undefined ? undefined : parse(text)
  return (
    typeof value === 'object' &&
    value !== null &&
    'imageLayoutVersion' in value &&
    typeof value.imageLayoutVersion === 'string' &&
    value.imageLayoutVersion.startsWith('1.')
  )
}

export const MARKERS: Readonly<Record<string, string>> = {
  'store.json': `${JSON.stringify({ version: VERSION })}\n`,
  'oci-layout': OCI_LAYOUT,
  'index.json': EMPTY_INDEX,
}

/** These files are whole whatever happens: written beside and linked into place if nothing is there yet. */
const makeFile = (layout: Layout, name: string, text: string): void => {
  const path = `${layout.root}/${name}`
  if (readIfThere(path) !== undefined) return
  const temporary = temporaryPath(layout)
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx', flush: true })
  try {
    linkSync(temporary, path)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  } finally {
    unlinkSync(temporary)
  }
}

/** Makes what is missing. Throws `failed-precondition` for a store of a newer version or one with links for folders, `permission-denied`. */
export const openLayout = (root: string, readonly: boolean): Layout =>
  guard(`store ${root}`, () => {
    if (!readonly) makeRoot(root)
    if (readonly && !existsSync(`${root}/oci-layout`)) throw new WherryError('not-found', `there is no store at ${root}`)
    const layout: Layout = { root: resolve(root), readonly }
    // the root itself may be reached by a link: /var/lib/wherry → /mnt/large/wherry
    checkFolder(layout.root, readonly, statSync(root))
    const version = versionIn(readIfThere(`${layout.root}/store.json`))
    if (version !== undefined && version > VERSION)
      throw new WherryError(
        'failed-precondition',
        `store ${root} is of version ${version}, this program knows ${VERSION}: use the newer program, or another --root`,
      )
    for (const folder of FOLDERS) {
      const path = `${layout.root}/${folder}`
      if (!readonly) makeFolder(path)
      if (!readonly || existsSync(path)) checkFolder(path, readonly)
    }
    if (!readonly) for (const [name, text] of Object.entries(MARKERS)) makeFile(layout, name, text)
    return layout
  })
