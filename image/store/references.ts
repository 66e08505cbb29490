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
import { descriptorFromJson, digestFromJson, isObject, listIn, parseObject } from './json.ts'
import type { Blobs } from './types.ts'

/** Deeper nesting of indexes is nobody's. */
const DEEPEST = 4

export interface Reached {
  readonly descriptor: Descriptor
  /** Manifests of an index: a copy may have left out those of other platforms. */
  readonly optional: boolean
  readonly role: 'index' | 'manifest' | 'config' | 'layer'
}

export const makeReferences = (blobs: Blobs): References => {
  // documents never change: what was read once is known
  const known = new Map<Digest, readonly Reached[]>()
  const layersKnown = new Map<Digest, readonly Digest[]>()

  const document = (digest: Digest): Record<string, unknown> | undefined => {
    try {
      return parseObject(Buffer.from(blobs.read(digest)).toString('utf8'))
    } catch (error) {
      if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss' || error.kind === 'invalid-argument'))
        return undefined
      throw error
    }
  }

  const children = ({ digest, mediaType }: Descriptor): readonly Reached[] => {
    const there = known.get(digest)
    if (there !== undefined) return there
    const json = document(digest)
    if (json === undefined) return []
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
    known.set(digest, found)
    return found
  }

  return {
    children,

    configOf: (manifest) => children(manifest).find(({ role }) => role === 'config')?.descriptor,

    walk(descriptor) {
      const found = new Map<Digest, Reached>()
      const visit = (reached: Reached, depth: number): void => {
        const before = found.get(reached.descriptor.digest)
        if (before !== undefined && (!before.optional || reached.optional)) return
        found.set(reached.descriptor.digest, reached)
        if (depth < DEEPEST) for (const child of children(reached.descriptor)) visit(child, depth + 1)
      }
      visit({ descriptor, optional: false, role: isIndexType(descriptor.mediaType) ? 'index' : 'manifest' }, 0)
      return [...found.values()]
    },

    layerKeys(config) {
      const there = layersKnown.get(config)
      if (there !== undefined) return there
      const json = document(config)
      const rootfs = json?.['rootfs']
      if (!isObject(rootfs)) return []
      const diffIDs = listIn(rootfs, 'diff_ids').map(digestFromJson)
      const end = diffIDs.indexOf(undefined)
      const whole = (end < 0 ? diffIDs : diffIDs.slice(0, end)).filter((digest) => digest !== undefined)
      const keys = [...new Set(layerIdentities(whole).flatMap(({ diffID, chainID }) => [diffID, chainID]))]
      layersKnown.set(config, keys)
      return keys
    },
  }
}

export interface References {
  children(descriptor: Descriptor): readonly Reached[]
  /** Itself and all below it that is known, each once. */
  walk(descriptor: Descriptor): readonly Reached[]
  configOf(manifest: Descriptor): Descriptor | undefined
  /** Keys that unpacked layers of an image with this config may have. */
  layerKeys(config: Digest): readonly Digest[]
}
