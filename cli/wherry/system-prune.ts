import { confirm } from '../support/confirm.ts'
import { parseFilters } from '../support/filters.ts'
import { humanSize } from '../support/human.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { PRUNE_FILTERS, pruneImages } from './image-prune.ts'
import { changeStore } from './store.ts'

export const command = defineCommand({
  name: 'system prune',
  heading: 'System',
  summary: 'remove what nobody uses',
  operands: '',
  count: [0, 0],
  description: `Removes images without a name, or with --all every image that no container uses, and whatever nothing refers to.

Filters: until=TIME (made before that), label=KEY[=VALUE], label!=KEY[=VALUE].`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'remove all images that no container uses' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
  },
  async run({ flags, context }) {
    const filters = parseFilters(flags.filter ?? [], PRUNE_FILTERS)
    const all = flags.all ?? false
    const store = await changeStore(context) // first: it may begin this program again
    const what = all ? 'all images without at least one container associated to them' : 'all dangling images'
    if (!flags.force && !confirm(`WARNING! This will remove:\n  - ${what}\n  - unused blobs and layers\n`, '--force')) return 0
    print(`Total reclaimed space: ${humanSize(await pruneImages(store, all, filters))}\n`)
    return 0
  },
})
