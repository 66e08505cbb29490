/** What an entry of index.json means: ours, and those that skopeo, umoci or people have put there. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { canonical, parseReference, repository } from '../reference.ts'
import { isIndexType, isManifestType } from '../spec/media-types.ts'
import { selectManifest } from '../spec/platform.ts'
import type { Descriptor } from '../spec/types.ts'
import { type IndexEntry, PULLED, REF_NAME, REPOSITORY, RESOLVED } from './index-file.ts'
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
  const written = refName(entry)
  const name = written === undefined ? undefined : canonicalName(written)
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
