/** What an image consists of, and what of it is missing. */
import type { Digest } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'
import type { References } from './references.ts'
import type { Blobs, StoredImage } from './types.ts'

/** Documents, blobs, and keys that its unpacked layers may have. */
export const reachOf = ({ descriptor, digest }: Pick<StoredImage, 'descriptor' | 'digest'>, references: References): Digest[] => {
  const reached = references.walk(descriptor)
  const keys = reached.flatMap(({ role, descriptor: { digest: config } }) => (role === 'config' ? references.layerKeys(config) : []))
  return [...new Set([digest, ...reached.map((one) => one.descriptor.digest), ...keys])]
}

/** Blobs that are not there or have another size. Manifests that a copy of an index has left out do not count, if there is one at all. */
export const missingFrom = (descriptor: Descriptor, blobs: Blobs, references: References): Descriptor[] => {
  const missing: Descriptor[] = []
  const met = new Set<string>()
  for (const pending = [descriptor]; pending.length > 0; ) {
    const next = pending.pop()!
    const key = `${next.mediaType} ${next.digest}`
    if (met.has(key)) continue
    met.add(key)
    if (!blobs.has(next.digest, next.size)) {
      missing.push(next)
      continue
    }
    const children = references.children(next)
    const there = children.filter(({ optional, descriptor: child }) => !optional || blobs.has(child.digest, child.size))
    for (const { descriptor: child } of there.length === 0 ? children : there) pending.push(child)
  }
  return missing
}
