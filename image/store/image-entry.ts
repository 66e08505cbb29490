/** What an entry of index.json means: ours, and those that skopeo, umoci or people have put there. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { canonical, parseReference, repository } from '../reference.ts'
import { isIndexType, isManifestType } from '../spec/media-types.ts'
import { selectManifest } from '../spec/platform.ts'
import type { Descriptor } from '../spec/types.ts'
import { entryOf, type IndexEntry, PULLED, REF_NAME, REPOSITORY, RESOLVED } from './index-file.ts'
import { digestFromJson } from './json.ts'
import type { References } from './references.ts'
import type { Blobs, StoredImage } from './types.ts'

/** What org.opencontainers.image.ref.name says, as it stands there. */
export const refName = (entry: IndexEntry): string | undefined => {
  const name = entry.descriptor?.annotations?.[REF_NAME]
  return name === undefined || name === '' ? undefined : name
}

/** The canonical form of what other tools write short (`alpine:3.19`); what is no reference stays as it is (`My Tag`). */
export const canonicalName = (name: string): string => {
  try {
    return canonical(parseReference(name))
  } catch (error) {
    if (error instanceof WherryError) return name
    throw error
  }
}

export const repositoryOf = (name: string): string | undefined => {
  try {
    return repository(parseReference(name))
  } catch (error) {
    if (error instanceof WherryError) return undefined
    throw error
  }
}

/** refName in its canonical form. */
export const nameOf = (entry: IndexEntry): string | undefined => {
  const written = refName(entry)
  return written === undefined ? undefined : canonicalName(written)
}

/**
 * One entry per name. Other tools write `alpine:3.19` where we write `docker.io/library/alpine:3.19`: the later one has the name, as if it
 * had been moved there by us; the earlier one dangles, or goes if it is of the same image.
 */
export const settle = (entries: readonly IndexEntry[]): IndexEntry[] => {
  const names = entries.map(nameOf)
  const last = new Map(names.map((name, at) => [name, at]))
  return entries.flatMap((entry, at) => {
    const name = names[at]
    const owner = last.get(name)
    if (name === undefined || entry.descriptor === undefined || owner === undefined || owner === at) return [entry]
    return entries[owner]?.descriptor?.digest === entry.descriptor.digest ? [] : [dangling(entry)]
  })
}

/** The entry without its name. */
export const dangling = (entry: IndexEntry): IndexEntry => {
  const name = nameOf(entry)
  if (entry.descriptor === undefined || name === undefined) return entry
  return entryOf(entry.descriptor, { [REF_NAME]: undefined, [REPOSITORY]: repositoryOf(name) }, entry)
}

const dateIn = (text: string | undefined): Date | undefined => {
  const date = text === undefined ? undefined : new Date(text)
  return date === undefined || Number.isNaN(date.getTime()) ? undefined : date
}

/** Of an index the manifest for this machine, if it is there. */
const manifestOf = (descriptor: Descriptor, blobs: Blobs, references: References): Descriptor | undefined => {
  if (isManifestType(descriptor.mediaType)) return descriptor
  if (!isIndexType(descriptor.mediaType)) return undefined
  const offered = references
    .children(descriptor)
    .map((reached) => reached.descriptor)
    .filter(({ mediaType, digest, size }) => isManifestType(mediaType) && blobs.has(digest, size))
  if (offered.length === 0) return undefined
  try {
    return selectManifest({ mediaType: descriptor.mediaType, manifests: offered })
  } catch (error) {
    if (error instanceof WherryError) return undefined
    throw error
  }
}

/** Undefined for what names no image: no descriptor, or of a type that is none. */
export const imageOf = (entry: IndexEntry, blobs: Blobs, references: References): StoredImage | undefined => {
  const { descriptor } = entry
  if (descriptor === undefined || !(isManifestType(descriptor.mediaType) || isIndexType(descriptor.mediaType))) return undefined
  const { annotations = {}, ...bare } = descriptor
  const name = nameOf(entry)
  const home = name === undefined ? annotations[REPOSITORY] : repositoryOf(name)
  const digest: Digest = digestFromJson(annotations[RESOLVED]) ?? descriptor.digest
  const pulled = dateIn(annotations[PULLED])
  const manifest = manifestOf(bare, blobs, references)
  const id = manifest === undefined ? undefined : references.configOf(manifest)?.digest
  return {
    descriptor: bare,
    digest,
    ...(name === undefined ? {} : { name }),
    ...(home === undefined ? {} : { repository: home }),
    ...(pulled === undefined ? {} : { pulled }),
    ...(manifest === undefined ? {} : { manifest }),
    ...(id === undefined ? {} : { id }),
  }
}
