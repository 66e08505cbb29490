/** What lies in the folders of the store. */
import { lstatSync, readdirSync, type Stats } from 'node:fs'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Digest } from '../digest.ts'
import { digestFromJson } from './json.ts'
import type { Layout } from './layout.ts'

const BLOCK = 512

/** Names in a folder, none where there is none. */
export const namesIn = (folder: string): string[] => {
  try {
    return readdirSync(folder).sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

export interface Found {
  readonly path: string
  /** Undefined for a name that is no digest. */
  readonly digest: Digest | undefined
  readonly stat: Stats
}

/** Everything in blobs/<alg>/ or layers/<alg>/. What goes meanwhile is left out. */
export const found = ({ root }: Layout, kind: 'blobs' | 'layers'): Found[] =>
  namesIn(`${root}/${kind}`)
    .filter((algorithm) => !algorithm.startsWith('tmp-'))
    .flatMap((algorithm) =>
      namesIn(`${root}/${kind}/${algorithm}`).flatMap((encoded) => {
        const path = `${root}/${kind}/${algorithm}/${encoded}`
        const stat = lstatSync(path, { throwIfNoEntry: false })
        return stat === undefined ? [] : [{ path, digest: digestFromJson(`${algorithm}:${encoded}`), stat }]
      }),
    )

export const diskOf = (stat: Stats): number => stat.blocks * BLOCK

/** Milliseconds since it came or was changed; a rename counts. */
export const ageOf = (stat: Stats): number => Date.now() - Math.max(stat.mtimeMs, stat.ctimeMs)
