/** `wherry image layers`: what each layer is, does and wastes. All of it can be printed as JSON. */
import type { Digest } from '../digest.ts'
import type { FeedOptions } from './feed.ts'
import { historyOfLayers } from './history.ts'
import type { InspectedImage } from './image.ts'
import { LayerTree } from './layer-tree.ts'
import { complete } from './complete.ts'
import { type LayerSummary, summarise, type Summary } from './summary.ts'

export interface LayerRow extends LayerSummary {
  /** From 0, lowest first. */
  readonly index: number
  readonly digest: Digest
  readonly diffID: Digest
  readonly mediaType: string
  /** Bytes of the blob. */
  readonly compressed: number
  /** The command that made it, from the config’s history; missing where that says nothing of it. */
  readonly command?: string
  readonly created?: string
  readonly comment?: string
}

export interface LayersReport extends Omit<Summary, 'layers'> {
  readonly name: string
  readonly id: Digest
  readonly digest: Digest
  readonly layers: readonly LayerRow[]
  readonly compressed: number
}

/** Remote layers are read two at a time: while one waits for the network, the other is inflated. */
const AT_ONCE = 2

/** All layers of an image in one tree. */
export const readLayers = async ({ layers }: InspectedImage, options: FeedOptions = {}): Promise<LayerTree> => {
  const tree = new LayerTree()
  const abort = new AbortController()
  const signal = options.signal === undefined ? abort.signal : AbortSignal.any([options.signal, abort.signal])
  const next = layers.entries()
  const workers = Array.from({ length: Math.min(AT_ONCE, layers.length) }, async () => {
    try {
      for (const [index, layer] of next) await layer.feed(tree, index, { ...options, signal })
    } catch (error) {
      abort.abort(error)
      throw error
    }
  })
  const results = await Promise.allSettled(workers)
  const failed = results.find((result) => result.status === 'rejected')
  if (failed !== undefined) throw abort.signal.reason ?? failed.reason
  complete(tree)
  return tree
}

export const reportLayers = (image: InspectedImage, tree: LayerTree): LayersReport => {
  const { layers: summaries, ...rest } = summarise(tree, image.layers.length)
  const history = historyOfLayers(image.config, image.layers.length)
  const layers = image.layers.map(({ descriptor, diffID }, index): LayerRow => {
    const { created_by: command, created, comment } = history[index] ?? {}
    return {
      index,
      digest: descriptor.digest,
      diffID,
      mediaType: descriptor.mediaType,
      compressed: descriptor.size,
      ...(command === undefined ? {} : { command }),
      ...(created === undefined ? {} : { created }),
      ...(comment === undefined ? {} : { comment }),
      ...summaries[index]!,
    }
  })
  return {
    name: image.name,
    id: image.id,
    digest: image.manifestDescriptor.digest,
    layers,
    compressed: layers.reduce((sum, { compressed }) => sum + compressed, 0),
    ...rest,
  }
}
