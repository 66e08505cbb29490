/** Blobs: each is what its name says, and nothing else is among them. */
import type { Digest } from '../../digest.ts'
import { ageOf, found } from '../listing.ts'
import type { Parts } from '../parts.ts'
import { removeSeen } from '../trash.ts'
import type { CheckOptions, Finding } from '../types.ts'
import type { Report } from './findings.ts'
import { verifyBlob } from './verify.ts'

const HOUR = 3_600_000

export interface CheckedBlobs {
  readonly count: number
  /** Problems of those that are damaged, repaired or not. */
  readonly damaged: ReadonlyMap<Digest, string>
}

/**
 * Damaged blobs are taken away when repairing, so that they can be fetched; findings of them are for the caller, who knows the images
 * they belong to.
 */
export const checkBlobs = async (parts: Parts, report: Report, { signal, onProgress }: CheckOptions): Promise<CheckedBlobs> => {
  const all = found(parts.layout, 'blobs')
  const total = all.reduce((sum, { stat }) => sum + (stat.isFile() ? stat.size : 0), 0)
  const damaged = new Map<Digest, string>()
  let [done, count] = [0, 0]
  const onBytes = (bytes: number): void => {
    done += bytes
    onProgress?.({ phase: 'blobs', done, total })
  }
  for (const { path, digest, stat } of all) {
    if (digest === undefined) {
      const finding: Finding = { kind: 'rubbish', problem: `${path} is no blob`, names: [] }
      // another tool may be about to give it its name
      if (ageOf(stat) < HOUR) report.add({ ...finding, advice: 'it is new: if no other tool writes into the store, remove it' })
      else await report.mend(finding, async () => remove(parts, path))
      continue
    }
    const verdict = await verifyBlob(path, digest, { onBytes, ...(signal === undefined ? {} : { signal }) })
    if (verdict === undefined) continue
    count++
    if (verdict.problem === undefined) continue
    damaged.set(digest, verdict.problem)
    if (report.repair) await removeSeen(parts.layout, path, verdict.inode)
  }
  return { count: count - damaged.size, damaged }
}

const remove = async (parts: Parts, path: string): Promise<Finding['repaired']> => {
  await removeSeen(parts.layout, path, 0)
  return 'removed'
}
