/** What the store takes on the disk, for who asks again and again. */
import { lstatSync } from 'node:fs'
import type { Digest } from '../digest.ts'
import { guard } from './errors.ts'
import { readRecord } from './layer-record.ts'
import type { Layout } from './layout.ts'
import { diskOf, found, namesIn } from './listing.ts'
import type { Space } from './types.ts'

const nothing: Space = { bytes: 0, inodes: 0 }

const plus = (a: Space, b: Space): Space => ({ bytes: a.bytes + b.bytes, inodes: a.inodes + b.inodes })

/** A folder’s time of change is that of the last coming or going in it. */
const stateOf = ({ root }: Layout): string =>
  ['blobs', 'layers']
    .flatMap((kind) => [kind, ...namesIn(`${root}/${kind}`).map((algorithm) => `${kind}/${algorithm}`)])
    .map((folder) => lstatSync(`${root}/${folder}`, { throwIfNoEntry: false })?.mtimeMs)
    .join()

/** Few as long as nothing is pulled; they grow without their folder’s knowing. */
const unfinished = ({ root }: Layout): Space =>
  namesIn(`${root}/ingest`)
    .map((name) => lstatSync(`${root}/ingest/${name}`, { throwIfNoEntry: false }))
    .reduce((sum, stat) => (stat === undefined ? sum : plus(sum, { bytes: diskOf(stat), inodes: 1 })), nothing)

export const makeSpace = (layout: Layout): (() => Space) => {
  const layers = new Map<Digest, Space>()
  let known: { readonly state: string; readonly space: Space } | undefined

  const layerSpace = (digest: Digest): Space => {
    const before = layers.get(digest)
    if (before !== undefined) return before
    const record = readRecord(layout, digest)
    if (typeof record !== 'object') return nothing
    // its folder, its record and its root’s own
    const space = { bytes: record.census.disk, inodes: record.census.entries + 3 }
    layers.set(digest, space)
    return space
  }

  const count = (): Space => {
    let sum = nothing
    for (const { stat } of found(layout, 'blobs')) sum = plus(sum, { bytes: diskOf(stat), inodes: 1 })
    const there = new Set<Digest>()
    for (const { digest } of found(layout, 'layers'))
      if (digest !== undefined) {
        there.add(digest)
        sum = plus(sum, layerSpace(digest))
      }
    for (const digest of layers.keys()) if (!there.has(digest)) layers.delete(digest)
    return sum
  }

  return () =>
    guard(`store ${layout.root}: counting`, () => {
      const state = stateOf(layout)
      if (known?.state !== state) known = { state, space: count() }
      return plus(known.space, unfinished(layout))
    })
}
