/** image-spec manifest.md and image-index.md, Docker’s schema 2 and manifest list: one of them each, and no doubt which (CVE-2021-41190). */
import { WherryError } from '../../runtime/errors.ts'
import { annotations, descriptor, mediaType } from './descriptor.ts'
import { integer, invalid, type JsonObject, list, noLookalikes, object, optional, type Parse, required, rootPath } from './field.ts'
import { LARGEST_DOCUMENT, parseJson } from './json.ts'
import {
  bareType,
  isConfigType,
  isIndexType,
  isManifestType,
  isSchema1Type,
  OCI_INDEX,
  OCI_MANIFEST,
  requireLayerType,
} from './media-types.ts'
import type { Descriptor, Index, Manifest } from './types.ts'

export const MOST_LAYERS = 500
const MOST_MANIFESTS = 1000

/** Bytes, and what they were called where they came from: the Content-Type, or the mediaType of a descriptor. */
export interface Typed {
  readonly bytes: Uint8Array
  /** Left out where nothing was said of it: a `dir:`. */
  readonly mediaType?: string
}

export interface Limits {
  /** Bytes of the document. */
  readonly bytes?: number
  /** Entries of an index. */
  readonly manifests?: number
}

export type Parsed = { readonly kind: 'manifest'; readonly manifest: Manifest } | { readonly kind: 'index'; readonly index: Index }

const STRUCTURE = [
  'schemaVersion',
  'mediaType',
  'artifactType',
  'config',
  'layers',
  'manifests',
  'fsLayers',
  'history',
  'subject',
  'annotations',
]
/** Generic words of servers that do not know what they serve; anything else that is no type of ours is refused. */
const VAGUE: readonly string[] = ['', 'application/json', 'application/octet-stream', 'text/plain', 'binary/octet-stream']

const refuseSchema1 = (what: string): never => {
  throw new WherryError(
    'unsupported',
    `${what}: Docker schema 1 manifests, obsolete since 2015, are not supported; pull the image with an old docker and push it again`,
  )
}

/** The type that what was said outside and what stands inside agree on. */
const typeOf = (from: JsonObject, declared: string | undefined, what: string): string => {
  const outside = bareType(declared ?? '')
  const { mediaType: inside } = optional(from, rootPath(what), 'mediaType', mediaType)
  if (isSchema1Type(outside) || (inside !== undefined && isSchema1Type(inside)) || from['schemaVersion'] === 1) return refuseSchema1(what)
  const known = (type: string): boolean => isManifestType(type) || isIndexType(type)
  if (inside !== undefined && !known(inside)) throw new WherryError('unsupported', `${what}: ${inside} is neither a manifest nor an index`)
  if (VAGUE.includes(outside)) {
    if (inside !== undefined) return inside
    if (declared !== undefined)
      throw new WherryError(
        'invalid-argument',
        `${what}: neither the document nor what it came with (${outside || 'nothing'}) says what type it is`,
      )
    return Object.hasOwn(from, 'manifests') ? OCI_INDEX : OCI_MANIFEST
  }
  if (!known(outside)) throw new WherryError('unsupported', `${what}: came as ${outside}, which is neither a manifest nor an index`)
  if (inside !== undefined && inside !== outside)
    throw new WherryError('invalid-argument', `${what}: came as ${outside} but says of itself that it is ${inside}`)
  return outside
}

const refuseBoth = (from: JsonObject, what: string, kind: string, others: readonly string[]): void => {
  for (const other of others)
    if (Object.hasOwn(from, other))
      throw invalid(rootPath(what), `is ${kind} and has ${JSON.stringify(other)} too: what it is must not be in doubt`)
}

/** Go writes null for an empty list. */
const entries =
  (most: number): Parse<readonly Descriptor[]> =>
  (value, path) =>
    value === null ? [] : list(descriptor, most)(value, path)

const manifestOf = (from: JsonObject, type: string, what: string): Manifest => {
  refuseBoth(from, what, 'a manifest', ['manifests', 'fsLayers', 'history'])
  const path = rootPath(what)
  const read = {
    mediaType: type,
    config: required(from, path, 'config', descriptor),
    layers: required(from, path, 'layers', entries(MOST_LAYERS)),
    ...optional(from, path, 'artifactType', mediaType),
    ...optional(from, path, 'subject', descriptor),
    ...optional(from, path, 'annotations', annotations),
  }
  const sum = read.layers.reduce((total, { size }) => total + size, 0)
  if (!Number.isSafeInteger(sum)) throw invalid(`${path}layers`, 'their sizes have an impossible sum')
  return read
}

const indexOf = (from: JsonObject, type: string, what: string, most: number): Index => {
  refuseBoth(from, what, 'an index', ['config', 'layers', 'fsLayers', 'history'])
  const path = rootPath(what)
  return {
    mediaType: type,
    manifests: required(from, path, 'manifests', entries(most)),
    ...optional(from, path, 'artifactType', mediaType),
    ...optional(from, path, 'subject', descriptor),
    ...optional(from, path, 'annotations', annotations),
  }
}

/**
 * `what` names the document in errors: `docker.io/library/alpine:3.19: manifest sha256:…`.
 * Throws `invalid-argument` with the JSON path, `unsupported` for what it knows but does not take, `data-loss` for wrong embedded data.
 */
export const parseDocument = (document: Typed, what = 'manifest', limits: Limits = {}): Parsed => {
  const from = object(parseJson(document.bytes, what, limits.bytes ?? LARGEST_DOCUMENT), rootPath(what))
  noLookalikes(from, rootPath(what), STRUCTURE)
  const type = typeOf(from, document.mediaType, what)
  if (Object.hasOwn(from, 'fsLayers')) return refuseSchema1(what)
  required(from, rootPath(what), 'schemaVersion', integer(2, 2))
  return isIndexType(type)
    ? { kind: 'index', index: indexOf(from, type, what, limits.manifests ?? MOST_MANIFESTS) }
    : { kind: 'manifest', manifest: manifestOf(from, type, what) }
}

/** As parseDocument; an index is `unsupported`: it was a manifest that was asked for, an index in an index for example. */
export const parseManifest = (document: Typed, what = 'manifest'): Manifest => {
  const parsed = parseDocument(document, what)
  if (parsed.kind === 'index')
    throw new WherryError('unsupported', `${what}: is an index where a manifest is wanted; an index in an index is not supported`)
  return parsed.manifest
}

/** As parseDocument; a manifest is `invalid-argument`. */
export const parseIndex = (document: Typed, what = 'index', limits: Limits = {}): Index => {
  const parsed = parseDocument(document, what, limits)
  if (parsed.kind === 'manifest') throw new WherryError('invalid-argument', `${what}: is a manifest where an index is wanted`)
  return parsed.index
}

/** Throws `unsupported` for what can be stored but not run: artifacts, encrypted and foreign layers. */
export const requireImage = (manifest: Manifest, what = 'manifest', options: { readonly foreign?: boolean } = {}): void => {
  const { mediaType: type, size } = manifest.config
  if (!isConfigType(type))
    throw new WherryError(
      'unsupported',
      `${what}: is no image but an artifact of type ${manifest.artifactType ?? type}; its config is no image config`,
    )
  if (size > LARGEST_DOCUMENT)
    throw invalid(`${rootPath(what)}config.size`, `${size} bytes are more than the ${LARGEST_DOCUMENT} of the largest config`)
  for (const [index, layer] of manifest.layers.entries()) requireLayerType(layer.mediaType, `${rootPath(what)}layers[${index}]`, options)
}
