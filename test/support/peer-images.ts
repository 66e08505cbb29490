/** Images of other tools in OCI layouts, what umoci unpacks of them, and what we do. */
import { execFileSync } from 'node:child_process'
import { closeSync, createReadStream, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fixUp } from '../../image/layer/fix-up.ts'
import { unpackLayer } from '../../image/layer/unpack-layer.ts'
import type { Digest } from '../../image/digest.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import { type CompareOptions, describeTree, differences } from './compare-trees.ts'

export const bash = (script: string, cwd: string, env: Readonly<Record<string, string>> = {}): string =>
  execFileSync('bash', ['-euc', script], {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, HOME: cwd, TMPDIR: cwd, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 120_000,
  })

interface Json {
  readonly mediaType: string
  readonly digest: Digest
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

const blobPath = (layout: string, digest: string): string => join(layout, 'blobs', digest.replace(':', '/'))

const readJson = <T>(path: string): T => JSON.parse(readFileSync(path, 'utf8')) as T

interface Image {
  readonly layers: readonly Json[]
  readonly diffIDs: readonly Digest[]
}

const readImage = (layout: string, tag: string): Image => {
  const index = readJson<{ manifests: Json[] }>(join(layout, 'index.json'))
  const found = index.manifests.find(({ annotations }) => annotations?.['org.opencontainers.image.ref.name'] === tag)
  if (found === undefined) throw new Error(`${layout} has no ${tag}`)
  const { config, layers } = readJson<{ config: Json; layers: Json[] }>(blobPath(layout, found.digest))
  const { rootfs } = readJson<{ rootfs: { diff_ids: Digest[] } }>(blobPath(layout, config.digest))
  return { layers, diffIDs: rootfs.diff_ids }
}

/** What the layers of tag `x` say they are, each once. */
export const mediaTypesOf = (layout: string): string[] => [...new Set(readImage(layout, 'x').layers.map(({ mediaType }) => mediaType))]

/** The layers of a tag of an OCI layout, unpacked by us each by itself and all at once, then completed in order. The result: their roots, lowest first. */
export const unpackLayout = async (layout: string, tag: string, into: string): Promise<string[]> => {
  const { layers, diffIDs } = readImage(layout, tag)
  mkdirSync(into)
  const folders = layers.map((_, index) => join(into, String(index)))
  const facts = await Promise.all(
    layers.map(async (descriptor, index) => {
      const folder = folders[index]!
      mkdirSync(folder)
      const unpack = { diffID: diffIDs[index]!, folder, style: 'trusted' as const }
      return (await unpackLayer({ descriptor, source: createReadStream(blobPath(layout, descriptor.digest)), unpack }))!
    }),
  )
  const roots = folders.map((folder) => join(folder, 'root'))
  for (const [index, folder] of folders.entries()) fixUp(folder, facts[index]!, roots.slice(0, index), 'trusted')
  return roots
}

/** What overlayfs shows of layers. */
export const describeMerged = async (roots: readonly string[], scratch: string, options: CompareOptions): Promise<Map<string, string>> => {
  const fd = await openRootfs({ lowers: roots }, { folder: scratch })
  try {
    return describeTree(`/proc/self/fd/${fd}/.`, options)
  } finally {
    closeSync(fd)
  }
}

/** Empty if an image that we unpack, and overlayfs merges, is what umoci makes of the same one (or of `reference`, which umoci can read). */
export const compareWithUmoci = async (
  layout: string,
  tag: string,
  scratch: string,
  options: CompareOptions & { readonly reference?: string } = {},
): Promise<string[]> => {
  const here = mkdtempSync(join(scratch, 'compare-'))
  bash(`umoci unpack --image ${options.reference ?? layout}:${tag} bundle`, here)
  const roots = await unpackLayout(layout, tag, join(here, 'layers'))
  const theirs = describeTree(join(here, 'bundle/rootfs'), options)
  if (theirs.size < 10) throw new Error(`there are only ${theirs.size} things to compare`)
  return differences(await describeMerged(roots, here, options), theirs)
}
