/**
 * What a document refers to: for marking, and to see whether an image is complete.
 *
 * Read with tolerance: what looks like a reference keeps something from being collected, no more. Who uses an image parses strictly
 * (image/spec).
 */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { isIndexType, isManifestType } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import { layerIdentities } from './chain-id.ts'
import { descriptorFromJson, digestFromJson, isObject, type JsonObject, listIn, parseObject } from './json.ts'
import type { Blobs } from './types.ts'

/** Documents that are remembered: their children are few, but this process may live long. */
const REMEMBERED = 10_000

export interface Reached {
  readonly descriptor: Descriptor
  /** Manifests of an index: a copy may have left out those of other platforms. */
  readonly optional: boolean
  readonly role: 'index' | 'manifest' | 'config' | 'layer'
}

/** What is no JSON object refers to nothing. */
const NOTHING = {}

const childrenIn = (json: JsonObject, mediaType: string): Reached[] => {
  const found: Reached[] = []
  const add = (value: unknown, role: Reached['role'], optional: boolean): void => {
    const descriptor = descriptorFromJson(value)
    if (descriptor !== undefined) found.push({ descriptor, role, optional })
  }
  if (isIndexType(mediaType))
    for (const value of listIn(json, 'manifests'))
      add(value, isObject(value) && isIndexType(String(value['mediaType'])) ? 'index' : 'manifest', true)
  if (isManifestType(mediaType)) {
    add(json['config'], 'config', false)
    for (const value of listIn(json, 'layers')) add(value, 'layer', false)
  }
  return found
}

const keysIn = (json: JsonObject): Digest[] => {
  const rootfs = json['rootfs']
  const diffIDs = isObject(rootfs) ? listIn(rootfs, 'diff_ids').map(digestFromJson) : []
  const end = diffIDs.indexOf(undefined)
  const whole = (end < 0 ? diffIDs : diffIDs.slice(0, end)).filter((digest) => digest !== undefined)
  return [...new Set(layerIdentities(whole).flatMap(({ diffID, chainID }) => [diffID, chainID]))]
}

export const makeReferences = (blobs: Blobs): References => {
  /** Undefined for what is not there, or damaged, or too large. */
  const document = (digest: Digest): JsonObject | undefined => {
    try {
      return parseObject(Buffer.from(blobs.read(digest)).toString('utf8')) ?? NOTHING
    } catch (error) {
      if (error instanceof WherryError && ['not-found', 'data-loss', 'invalid-argument'].includes(error.kind)) return undefined
      throw error
    }
  }

  /** Documents never change: what was read once is known, even if it is damaged later. */
  const remembering = <T>(
    read: (json: JsonObject, mediaType: string) => readonly T[],
  ): ((digest: Digest, mediaType: string) => readonly T[]) => {
    const known = new Map<string, readonly T[]>()
    return (digest, mediaType) => {
      const there = known.get(`${mediaType} ${digest}`)
      if (there !== undefined) return there
      const json = document(digest)
      if (json === undefined) return []
      if (known.size >= REMEMBERED) known.clear()
      const found = read(json, mediaType)
      known.set(`${mediaType} ${digest}`, found)
      return found
    }
  }

  const childrenOf = remembering(childrenIn)
  const keysOf = remembering(keysIn)
  const children = ({ digest, mediaType }: Descriptor): readonly Reached[] =>
    isManifestType(mediaType) || isIndexType(mediaType) ? childrenOf(digest, mediaType) : []

  return {
    children,

    configOf: (manifest) => children(manifest).find(({ role }) => role === 'config')?.descriptor,

    walk(descriptor) {
      // by type as well: what one document calls a layer may be another's manifest
      const found = new Map<string, Reached>()
      let level: readonly Reached[] = [{ descriptor, optional: false, role: isIndexType(descriptor.mediaType) ? 'index' : 'manifest' }]
      while (level.length > 0) {
        const fresh = level.filter((reached) => {
          const key = `${reached.role} ${reached.descriptor.mediaType} ${reached.descriptor.digest}`
          const before = found.get(key)
          if (before === undefined || (before.optional && !reached.optional)) found.set(key, reached)
          return before === undefined
        })
        level = fresh.flatMap((reached) => children(reached.descriptor))
      }
      return [...found.values()]
    },

    layerKeys: (config) => keysOf(config, ''),
  }
}

export interface References {
  children(descriptor: Descriptor): readonly Reached[]
  /** Itself and all below it that is known; a digest more than once only where it is said to be different things. */
  walk(descriptor: Descriptor): readonly Reached[]
  configOf(manifest: Descriptor): Descriptor | undefined
  /** Keys that unpacked layers of an image with this config may have. */
  layerKeys(config: Digest): readonly Digest[]
}
