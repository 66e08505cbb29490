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
  if (!blobs.has(descriptor.digest, descriptor.size)) return [descriptor]
  const children = references.children(descriptor)
  const there = children.filter(({ optional, descriptor: child }) => !optional || blobs.has(child.digest, child.size))
  const wanted = there.length === 0 ? children : there
  return wanted.flatMap(({ descriptor: child }) => missingFrom(child, blobs, references))
}
