/** Pulling from the registries of the tests into stores of the tests. */
import assert from 'node:assert/strict'
import { readdirSync, statSync } from 'node:fs'
import { pull, type PulledImage, type PullOptions } from '../../image/pull/pull.ts'
import { parseReference } from '../../image/reference.ts'
import type { Store } from '../../image/store/types.ts'
import { type TestContent, type TestImage, imageOf, layerOf, noise, type TarEntry } from './images.ts'
import { type Options, sourceOf } from './registry/client.ts'
import { startRegistry, type TestRegistry } from './registry/server.ts'

export type Pulling = Omit<PullOptions, 'reference'> & { readonly client?: Options }

/** `text`: `127.0.0.1:34567/a/b:tag`; it becomes the name. */
export const pullInto = async (store: Store, text: string, { client, ...options }: Pulling = {}): Promise<PulledImage> => {
  const source = sourceOf(text, client)
  try {
    return await pull(source, store, { reference: parseReference(text), ...options })
  } finally {
    await source.close()
  }
}

export const withRegistry = async <T>(use: (registry: TestRegistry) => Promise<T>): Promise<T> => {
  const registry = await startRegistry()
  try {
    return await use(registry)
  } finally {
    await registry.close()
  }
}

/** The image as `team/app` with these tags; the name of the first. */
export const serve = (registry: TestRegistry, content: TestContent, ...tags: readonly string[]): string => {
  registry.contents.add('team/app', content, ...tags)
  return `${registry.host}/team/app:${tags[0] ?? 'latest'}`
}

/** A folder with its own entry, and in it files that do not compress. */
export const bulk = (name: string, bytes: number, files = 4): TarEntry[] => [
  { name: './' },
  { name: `${name}/` },
  ...Array.from({ length: files }, (_, index) => ({
    name: `${name}/${index}`,
    content: noise(Math.ceil(bytes / files), index + name.length * 1000 + name.charCodeAt(0)),
  })),
]

/** Layers of so many bytes each, with entries for all folders. */
export const bulkImage = async (sizes: readonly number[], seed = 'layer'): Promise<TestImage> =>
  imageOf({ layers: await Promise.all(sizes.map((size, index) => layerOf(bulk(`${seed}-${index}`, size)))) })

/** Lines of the log that fetched blobs: `GET sha256:…` with how often. */
export const fetches = (registry: TestRegistry): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const { method, url } of registry.requests) {
    const digest = /\/blobs\/(sha256:[0-9a-f]{64})$/.exec(url)?.[1]
    if (digest !== undefined && method === 'GET') counts.set(digest, (counts.get(digest) ?? 0) + 1)
  }
  return counts
}

/** All bytes are what their names say; nothing is half there but what the next pull goes on with. */
export const assertWhole = async (store: Store): Promise<void> => {
  const { findings, whole } = await store.check()
  assert.deepEqual([findings, whole], [[], true])
}

/** What there is of blobs and layers, whole ones only. */
export const contentsOf = ({
  root,
}: Store): { readonly blobs: readonly string[]; readonly layers: readonly string[]; readonly partial: ReadonlyMap<string, number> } => ({
  blobs: readdirSync(`${root}/blobs/sha256`).sort(),
  layers: readdirSync(`${root}/layers/sha256`).sort(),
  partial: new Map(
    readdirSync(`${root}/ingest`)
      .filter((name) => name.startsWith('sha256-'))
      .map((name) => [name.slice('sha256-'.length), statSync(`${root}/ingest/${name}`).size]),
  ),
})
