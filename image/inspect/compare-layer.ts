/** Whether unpacked layers are what their blobs say, file by file: `system check --deep`. */
import { WherryError } from '../../runtime/errors.ts'
import { storeSource } from '../archive/store-source.ts'
import { shown } from '../layer/bytes.ts'
import type { Layer, Store } from '../store/types.ts'
import { type DiffLayer, diffLayers } from './diff.ts'
import { imageOfSource, imageOfStore } from './image.ts'

interface Pair {
  readonly blob: DiffLayer
  readonly folder: DiffLayer
}

/** By the folder. An image whose documents are broken has none: the check tells of it anyway. */
const pairs = async (store: Store): Promise<ReadonlyMap<string, Pair>> => {
  const found = new Map<string, Pair>()
  for (const image of store.images.list()) {
    if (image.manifest === undefined) continue
    try {
      const [streamed, unpacked] = [await imageOfSource(storeSource(store, image)), await imageOfStore(store, image)]
      for (const [index, folder] of unpacked.layers.entries())
        if (folder.root !== undefined)
          found.set(folder.root, { blob: { ...streamed.layers[index]!, key: 'blob' }, folder: { ...folder, key: 'folder' } })
    } catch (error) {
      if (!(error instanceof WherryError)) throw error
    }
  }
  return found
}

const MOST_NAMED = 3

/** For `Store.check`: what is wrong with a layer, or undefined. */
export const layerComparer = async (store: Store): Promise<(layer: Layer, signal?: AbortSignal) => Promise<string | undefined>> => {
  const known = await pairs(store)
  return async ({ root, facts }, signal) => {
    const pair = known.get(root)
    if (pair === undefined) return undefined // nothing refers to it
    // what it took from lower layers is not in its blob
    const taken = new Set([...facts.links, ...facts.implied])
    const paths: string[] = []
    let count = 0
    for await (const { path } of diffLayers([pair.blob], [pair.folder], signal === undefined ? {} : { signal })) {
      if (taken.has(path)) continue
      count++
      if (paths.length < MOST_NAMED) paths.push(shown(path))
    }
    return count === 0 ? undefined : `${count} of its files are not as in its blob: ${paths.join(', ')}${count > paths.length ? ' …' : ''}`
  }
}
