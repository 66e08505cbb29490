/** Unpacked layers: as much is in them as was when they were committed. */
import { lstatSync } from 'node:fs'
import type { Digest } from '../../digest.ts'
import { takeCensus } from '../census.ts'
import { readRecord } from '../layer-record.ts'
import { found } from '../listing.ts'
import type { Parts } from '../parts.ts'
import { reachOf } from '../reach.ts'
import { removeTree } from '../remove-tree.ts'
import { toTrash } from '../trash.ts'
import type { CheckOptions, Finding } from '../types.ts'
import type { Report } from './findings.ts'

const problemOf = async (parts: Parts, key: Digest, { signal, compare }: CheckOptions): Promise<string | undefined> => {
  const record = readRecord(parts.layout, key)
  if (record === undefined) return undefined
  if (typeof record === 'string') return record
  if (lstatSync(record.root, { throwIfNoEntry: false })?.isDirectory() !== true) return 'has no root folder'
  const census = await takeCensus(record.root, signal)
  if (census.entries !== record.census.entries) return `has ${census.entries} entries in place of ${record.census.entries}`
  if (census.bytes !== record.census.bytes) return `has ${census.bytes} bytes in place of ${record.census.bytes}`
  const { census: _, ...layer } = record
  return await compare?.(layer, signal)
}

export const checkLayers = async (parts: Parts, report: Report, options: CheckOptions, indexReadable: boolean): Promise<number> => {
  const all = found(parts.layout, 'layers')
  const total = all.length
  const names = indexReadable ? namesOf(parts) : new Map<Digest, string[]>()
  let whole = 0
  for (const [at, { path, digest }] of all.entries()) {
    options.signal?.throwIfAborted()
    options.onProgress?.({ phase: 'layers', done: at + 1, total })
    const remove = async (): Promise<Finding['repaired']> => {
      const trash = toTrash(parts.layout, path)
      if (trash !== undefined) await removeTree(trash)
      return 'removed'
    }
    if (digest === undefined) {
      await report.mend({ kind: 'rubbish', problem: `${path} is no layer`, names: [] }, remove)
      continue
    }
    const problem = await problemOf(parts, digest, options)
    if (problem === undefined) {
      whole++
      continue
    }
    const finding: Finding = {
      kind: 'layer',
      problem: `layer ${digest} ${problem}`,
      digest,
      names: names.get(digest) ?? [],
      advice: ADVICE,
    }
    if (options.isMounted?.(digest) === true)
      report.add({ ...finding, advice: 'it is mounted: stop the containers that use it, then repair' })
    else await report.mend(finding, remove)
  }
  return whole
}

const ADVICE = 'once removed it is unpacked again from its blob when it is needed'

const namesOf = (parts: Parts): Map<Digest, string[]> => {
  const names = new Map<Digest, string[]>()
  for (const image of parts.images.list())
    if (image.name !== undefined)
      for (const digest of reachOf(image, parts.references)) names.set(digest, [...(names.get(digest) ?? []), image.name])
  return names
}
