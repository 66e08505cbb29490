import type { Removed } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { rememberReleased } from '../containers/released.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { familiarName } from './image-names.ts'
import { changeStore } from './store.ts'

/** docker’s lines. */
export const removedLines = ({ untagged, deleted }: Removed): string =>
  [...untagged.map((name) => `Untagged: ${familiarName(name)}\n`), ...deleted.map((id) => `Deleted: ${id}\n`)].join('')

export const command = defineCommand({
  name: 'rmi',
  aliases: ['image rm', 'image remove'],
  heading: 'Images',
  summary: 'remove images',
  operands: 'IMAGE [IMAGE...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Removes names of images, and images that have no name left, with the blobs and layers that no other image and no container needs.
An image that containers use is removed only with --force, and its data stay until they are removed.`,
  flags: {
    force: { type: 'boolean', short: 'f', help: 'remove all names of an id, and what containers use; what is not there is no error' },
    'no-prune': { type: 'boolean', help: 'keep blobs and layers for the time being' },
  },
  async run({ flags, args, context }) {
    const force = flags.force ?? false
    const store = await changeStore(context)
    const status = await forEach(context.name, args, async (text) => {
      try {
        const removed = await store.images.remove(text, { force })
        print(removedLines(removed))
        if (force) rememberReleased(context, store, removed.released)
        if (!flags['no-prune']) await store.collect({ released: removed.released })
      } catch (error) {
        if (!force || !(error instanceof WherryError) || error.kind !== 'not-found') throw error
      }
    })
    return status
  },
})
