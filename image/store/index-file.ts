/**
 * index.json: OCI image-layout.md, "index.json File". Others write it too: what they have put in is kept as it is, byte for byte in
 * meaning, also entries and fields that make no sense here.
 */
import { linkSync, readFileSync, rmSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Descriptor } from '../spec/types.ts'
import { syncFolder, writeWhole } from './files.ts'
import { descriptorFromJson, isObject, type JsonObject, listIn, parseObject } from './json.ts'
import { EMPTY_INDEX, type Layout, temporaryPath } from './layout.ts'

/** opencontainers annotations.md; what skopeo and umoci take for the tag. */
export const REF_NAME = 'org.opencontainers.image.ref.name'
export const RESOLVED = 'dev.wherry.image.digest'
export const PULLED = 'dev.wherry.image.pulled'
export const REPOSITORY = 'dev.wherry.image.repository'

export interface IndexEntry {
  /** As it stands there. */
  readonly json: unknown
  /** Undefined for what is no descriptor. */
  readonly descriptor: Descriptor | undefined
}

export interface IndexFile {
  readonly json: JsonObject
  readonly entries: readonly IndexEntry[]
}

export const parseIndexFile = (text: string): IndexFile | undefined => {
  const json = parseObject(text)
  if (json === undefined || !Array.isArray(json['manifests'])) return undefined
  return {
    json,
    entries: listIn(json, 'manifests').map((value) => ({ json: value, descriptor: descriptorFromJson(value) })),
  }
}

const pathOf = ({ root }: Layout): string => `${root}/index.json`
export const previousPath = ({ root }: Layout): string => `${root}/index.json.previous`

/** The text of the file, the empty index where there is none. */
export const readIndexText = (layout: Layout, path = pathOf(layout)): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return EMPTY_INDEX
    if (isErrno(error, 'EISDIR', 'ELOOP')) return ''
    throw error
  }
}

/** Throws `data-loss` if it is damaged. One that is missing is empty. */
export const readIndexFile = (layout: Layout): IndexFile => {
  const index = parseIndexFile(readIndexText(layout))
  if (index === undefined)
    throw new WherryError(
      'data-loss',
      `store: ${pathOf(layout)} is damaged: \`wherry system check --repair\` makes it again from the blobs`,
    )
  return index
}

export const textOf = ({ json, entries }: IndexFile): string => JSON.stringify({ ...json, manifests: entries.map((entry) => entry.json) })

/** Under the lock. What was there stays as index.json.previous, a second name of the same file. */
export const writeIndexFile = async (layout: Layout, index: IndexFile): Promise<void> => {
  rmSync(previousPath(layout), { force: true, recursive: true })
  try {
    linkSync(pathOf(layout), previousPath(layout))
  } catch (error) {
    // no hard links on this file system, or nothing there yet: then without
    if (!isErrno(error, 'ENOENT', 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'EMLINK')) throw error
  }
  await writeWhole(pathOf(layout), Buffer.from(textOf(index)), { temporary: temporaryPath(layout) })
  await syncFolder(layout.root)
}

/** A new entry, or the same with other annotations. */
export const entryOf = (
  descriptor: Descriptor,
  annotations: Readonly<Record<string, string | undefined>>,
  before?: IndexEntry,
): IndexEntry => {
  const { mediaType, digest, size, platform } = descriptor
  const written = isObject(before?.json) ? before.json : {}
  const old = isObject(written['annotations']) ? written['annotations'] : {}
  const merged = Object.fromEntries(Object.entries({ ...old, ...annotations }).filter(([, value]) => value !== undefined))
  const json = { ...written, mediaType, digest, size, ...(platform === undefined ? {} : { platform }), annotations: merged }
  return { json, descriptor: descriptorFromJson(json) }
}
