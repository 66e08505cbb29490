import { commonLayers, type TreeImage, treeOfImages } from '../../image/inspect/tree.ts'
import type { Store, StoredImage } from '../../image/store/store.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { outputScreen } from '../support/screen.ts'
import { goJson } from '../support/template/go-text.ts'
import { defineCommand } from './context.ts'
import { findImage } from './find-image.ts'
import { imageFacts } from '../../image/store/facts.ts'
import { commonText, treeText } from './show-tree.ts'
import { readStore } from './store.ts'

/** An image with all its names. */
const treeImage = (store: Store, image: StoredImage, all: readonly StoredImage[]): TreeImage => {
  const { id, layers } = imageFacts(store, image)
  return {
    id,
    names: all.flatMap((other) => (other.id === id && other.name !== undefined ? [other.name] : [])),
    layers: layers.map(({ diffID, unpacked, descriptor }) => ({ diffID, size: unpacked?.facts.size ?? descriptor.size })),
  }
}

export const command = defineCommand({
  name: 'image tree',
  heading: 'Images',
  summary: 'show images over the layers they share',
  operands: '[IMAGE [IMAGE]]',
  count: [0, 2],
  description: `Prints a tree of the images in the store: each line is a run of layers with its size, and the images that end there; what images
have in common stands once, above them. With one image, only those that share layers with it; with two, what they have in common.`,
  flags: {
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run({ flags, args, context }) {
    const store = readStore(context)
    const all = store.images.list()
    const [first, second] = args.map((text) => treeImage(store, findImage(store, text), all))
    if (first !== undefined && second !== undefined) {
      if (first.id === second.id) throw new UsageError(`${args.join(' and ')} are the same image`)
      const common = commonLayers(first, second)
      print(flags.json ? `${goJson(common, '  ')}\n` : commonText(args[0]!, args[1]!, common))
      return 0
    }
    const unique = [
      ...new Map(all.filter(({ id, manifest }) => id !== undefined && manifest !== undefined).map((image) => [image.id, image])).values(),
    ]
    const images = unique
      .map((image) => treeImage(store, image, all))
      .filter(({ layers }) => first === undefined || first.layers.length === 0 || layers[0]?.diffID === first.layers[0]!.diffID)
    const tree = treeOfImages(images)
    print(flags.json ? `${goJson(tree, '  ')}\n` : treeText(tree, images.length, outputScreen(process.env)))
    return 0
  },
})
