import type { Removed, Store } from '../../image/store/store.ts'
import type { Home } from '../containers/home.ts'
import { ownerExists } from '../containers/owners.ts'
import { confirm } from '../support/confirm.ts'
import { type Filters, matchesLabels, parseFilters } from '../support/filters.ts'
import { humanSize } from '../support/human.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { imageFacts } from '../../image/store/facts.ts'
import { imageFilter } from './image-filters.ts'
import { removedLines } from './rmi.ts'
import { changeStore } from './store.ts'

export const PRUNE_FILTERS = ['until', 'label', 'label!'] as const

const merge = (all: readonly Removed[]): Removed => ({
  untagged: all.flatMap(({ untagged }) => untagged),
  deleted: all.flatMap(({ deleted }) => deleted),
  released: new Set(all.flatMap(({ released }) => [...released])),
})

/** Images that no container uses and that the filters let through. */
const chosen = async (store: Store, all: boolean, filters: Filters): Promise<Removed> => {
  if (filters.size === 0) return store.images.prune({ all })
  const passes = imageFilter(store, new Map([...filters].filter(([key]) => key !== 'label!')))
  const spared = filters.get('label!')
  const removed: Removed[] = []
  const { images } = await store.usage()
  for (const image of images.filter(({ owners }) => owners.length === 0).flatMap((usage) => usage.images)) {
    if (!all && image.name !== undefined) continue
    const facts = image.id === undefined ? undefined : imageFacts(store, image)
    if (!passes({ image, facts })) continue
    if (spared?.some((label) => matchesLabels(facts?.config.config.Labels ?? {}, [label]))) continue
    removed.push(await store.images.remove(image.name ?? image.id ?? image.descriptor.digest))
  }
  return merge(removed)
}

/** Prints what has gone. */
export const pruneImages = async (store: Store, home: Pick<Home, 'root' | 'runRoot'>, all: boolean, filters: Filters): Promise<number> => {
  const removed = await chosen(store, all, filters)
  const { bytes } = await store.collect({ released: removed.released, ownerExists: ownerExists(home) })
  const lines = removedLines(removed)
  if (lines !== '') print(`Deleted Images:\n${lines}\n`)
  return bytes
}

export const command = defineCommand({
  name: 'image prune',
  heading: 'Images',
  summary: 'remove images that nobody uses',
  operands: '',
  count: [0, 0],
  description: `Removes images without a name, or with --all every image that no container uses, and what pulls that were given up a day ago left.

Filters: until=TIME (made before that), label=KEY[=VALUE], label!=KEY[=VALUE].`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'remove all images that no container uses' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
  },
  async run({ flags, context }) {
    const filters = parseFilters(flags.filter ?? [], PRUNE_FILTERS)
    const all = flags.all ?? false
    const what = all ? 'all images without at least one container associated to them' : 'all dangling images'
    const store = await changeStore(context) // first: it may begin this program again
    if (!flags.force && !confirm(`WARNING! This will remove ${what}.`, '--force')) return 0
    print(`Total reclaimed space: ${humanSize(await pruneImages(store, context, all, filters))}\n`)
    return 0
  },
})
