/** Images: all that they refer to is there and whole. What is not is fetched again. */
import type { Digest } from '../../digest.ts'
import type { Descriptor } from '../../spec/types.ts'
import { blobPath } from '../layout.ts'
import { missingFrom } from '../reach.ts'
import type { Parts } from '../parts.ts'
import { removeSeen } from '../trash.ts'
import type { CheckOptions, Finding, StoredImage } from '../types.ts'
import type { Report } from './findings.ts'
import { verifyBlob } from './verify.ts'

/** What pull takes. */
const pullName = ({ name, repository, digest }: StoredImage): string[] => {
  if (name !== undefined) return [name]
  return repository === undefined ? [] : [`${repository}@${digest}`]
}

interface Lacking {
  readonly descriptor: Descriptor
  readonly names: Set<string>
}

/** Per blob the images that lack it: not there, of another size, or damaged. */
const lacking = (parts: Parts, damaged: ReadonlyMap<Digest, string>): Map<Digest, Lacking> => {
  const found = new Map<Digest, Lacking>()
  const add = (descriptor: Descriptor, image: StoredImage): void => {
    const before = found.get(descriptor.digest) ?? { descriptor, names: new Set() }
    for (const name of pullName(image)) before.names.add(name)
    found.set(descriptor.digest, before)
  }
  for (const image of parts.images.list()) {
    for (const descriptor of missingFrom(image.descriptor, parts.blobs, parts.references)) add(descriptor, image)
    for (const { descriptor } of parts.references.walk(image.descriptor)) if (damaged.has(descriptor.digest)) add(descriptor, image)
    // the index that the registry had for it
    if (damaged.has(image.digest)) add({ mediaType: 'application/octet-stream', digest: image.digest, size: -1 }, image)
  }
  return found
}

export const checkImages = async (
  parts: Parts,
  report: Report,
  damaged: ReadonlyMap<Digest, string>,
  options: CheckOptions,
): Promise<void> => {
  const { layout, blobs } = parts
  const told = new Set<Digest>()
  const problemOf = ({ descriptor: { digest, size } }: Lacking): string => {
    const problem = damaged.get(digest)
    if (problem !== undefined) return `blob ${digest} ${problem}`
    const is = blobs.size(digest)
    return is === undefined ? `blob ${digest} is missing` : `blob ${digest} has ${is} bytes, its image says ${size}`
  }
  const refetch = async ({ descriptor, names }: Lacking): Promise<Finding['repaired']> => {
    const { digest, size } = descriptor
    if (options.fetch === undefined || size < 0) return size < 0 ? 'removed' : undefined
    // whole, but of another size: the document that says so is wrong, and fetching it would change nothing
    if (!damaged.has(digest) && blobs.has(digest)) return undefined
    await options.fetch(descriptor, [...names])
    const verdict = await verifyBlob(blobPath(layout, digest), digest, options.signal === undefined ? {} : { signal: options.signal })
    if (verdict?.problem === undefined && verdict?.size === size) return 'fetched'
    if (verdict?.problem !== undefined) await removeSeen(layout, blobPath(layout, digest), verdict.inode)
    throw new Error(
      `fetching it again has brought ${verdict === undefined ? 'nothing' : `another blob, which ${verdict.problem ?? `has ${verdict.size} bytes`}`}`,
    )
  }
  // a document that was fetched again tells of more
  for (;;) {
    const fresh = [...lacking(parts, damaged).values()].filter(({ descriptor: { digest } }) => !told.has(digest))
    if (fresh.length === 0) break
    for (const lack of fresh) {
      options.signal?.throwIfAborted()
      const { digest } = lack.descriptor
      told.add(digest)
      const names = [...lack.names].sort()
      const advice =
        names.length === 0 ? 'no image’s name says where it came from: pull or load the image again' : `pull ${names.join(' or ')} again`
      const finding: Finding = { kind: damaged.has(digest) ? 'blob' : 'incomplete', problem: problemOf(lack), digest, names, advice }
      await report.mend(finding, () => refetch(lack))
    }
  }
  for (const [digest, problem] of damaged)
    if (!told.has(digest))
      await report.mend({ kind: 'blob', problem: `blob ${digest} ${problem}`, digest, names: [] }, async () => 'removed')
}
