/**
 * <root>/containers/<id>/released.json: what an image consisted of that was removed while the container used it (`rmi --force`). It goes when the
 * container does, instead of staying until garbage of that age is collected.
 */
import { existsSync } from 'node:fs'
import type { Digest } from '../../image/digest.ts'
import type { Store } from '../../image/store/types.ts'
import { readDocument, writeDocument } from './documents.ts'
import { type Home, leaseOwner } from './home.ts'
import { containerIds } from './store.ts'

interface Released {
  readonly version: 1
  readonly digests: readonly Digest[]
}

const pathOf = ({ root }: Pick<Home, 'root'>, id: string): string => `${root}/containers/${id}/released.json`

/** After the removal of images. */
export const rememberReleased = (home: Pick<Home, 'root' | 'runRoot'>, store: Store, released: ReadonlySet<Digest>): void => {
  if (released.size === 0) return
  const owners = new Map(containerIds(home).map((id) => [leaseOwner(id), id]))
  for (const { owner, digests } of store.kept((name) => owners.has(name))) {
    if (!digests.some((digest) => released.has(digest))) continue
    const path = pathOf(home, owners.get(owner)!)
    const before = readDocument<Released>(path, 1)?.digests ?? []
    const next: Released = { version: 1, digests: [...new Set([...before, ...released])] }
    writeDocument(path, next, { durable: false })
  }
}

/** What is to be collected once the container is gone; undefined most of the time. */
export const releasedWith = (home: Pick<Home, 'root'>, id: string): ReadonlySet<Digest> | undefined => {
  const path = pathOf(home, id)
  const digests = existsSync(path) ? readDocument<Released>(path, 1)?.digests : undefined
  return digests === undefined ? undefined : new Set(digests)
}

/** A failure is told of: the container is gone all the same, and what it leaves is collected some day. */
export const collectReleased = async ({ root, warn }: Pick<Home, 'root' | 'warn'>, released: ReadonlySet<Digest>): Promise<void> => {
  const { openStore } = await import('../../image/store/store.ts')
  try {
    await openStore(root).collect({ released })
  } catch (error) {
    warn(`what is left of a removed image could not be removed: ${error instanceof Error ? error.message : String(error)}`)
  }
}
