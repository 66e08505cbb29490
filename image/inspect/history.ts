/** The history of an image as docker shows it: config.md, "history". */
import type { Digest } from '../digest.ts'
import type { History, ImageConfig } from '../spec/types.ts'
import type { InspectedImage } from './image.ts'

export interface HistoryRow {
  /** The image’s id for the newest row, `<missing>` for all else: only the builder knew the images in between. */
  readonly id: Digest | '<missing>'
  /** RFC 3339. */
  readonly created?: string
  readonly createdBy: string
  readonly comment: string
  readonly author?: string
  /** Bytes of the files the step added; of a layer that is not unpacked, of its blob; 0 where the step made no layer. */
  readonly size: number
  /** Missing where the step made no layer. */
  readonly layer?: { readonly diffID: Digest; readonly digest: Digest; readonly compressed: number; readonly unpacked?: number }
  readonly tags: readonly string[]
}

/** What history says of each layer, lowest first. Where it speaks of fewer layers than there are, the lowest have none. */
export const historyOfLayers = ({ history }: Pick<ImageConfig, 'history'>, layers: number): (History | undefined)[] => {
  const speaking = history.filter(({ empty_layer: empty }) => empty !== true).slice(0, layers)
  return [...new Array<undefined>(layers - speaking.length).fill(undefined), ...speaking]
}

/** Newest first. `tags`: what the image is called, for its row. */
export const historyRows = (image: InspectedImage, tags: readonly string[] = []): HistoryRow[] => {
  const { history } = image.config
  const layers = [...image.layers]
  const speaking = history.filter(({ empty_layer: empty }) => empty !== true).length
  const unspoken = Math.max(layers.length - speaking, 0)
  const steps: readonly (History | undefined)[] = [...new Array<undefined>(unspoken).fill(undefined), ...history]
  const rows = steps.map((step): Omit<HistoryRow, 'id' | 'tags'> => {
    const layer = step?.empty_layer === true ? undefined : layers.shift()
    const { created, created_by: createdBy = '', comment = '', author } = step ?? {}
    const said = {
      createdBy,
      comment,
      ...(created === undefined ? {} : { created }),
      ...(author === undefined ? {} : { author }),
    }
    if (layer === undefined) return { ...said, size: 0 }
    const { diffID, descriptor, unpackedSize } = layer
    const unpacked = unpackedSize === undefined ? {} : { unpacked: unpackedSize }
    return {
      ...said,
      size: unpackedSize ?? descriptor.size,
      layer: { diffID, digest: descriptor.digest, compressed: descriptor.size, ...unpacked },
    }
  })
  return rows.reverse().map((row, index) => ({ id: index === 0 ? image.id : '<missing>', tags: index === 0 ? tags : [], ...row }))
}
