import { pruneVolumes } from '../containers/volumes/remove.ts'
import { confirm } from '../support/confirm.ts'
import { booleanFilter, parseFilters } from '../support/filters.ts'
import { humanSize } from '../support/human.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { emitVolume } from './network-events.ts'
import { prunePasses } from './network-filters.ts'

const FILTERS = ['all', 'label', 'label!', 'until'] as const

export const command = defineCommand({
  name: 'volume prune',
  heading: 'Volumes',
  summary: 'remove volumes that no container has',
  operands: '',
  count: [0, 0],
  description: `Removes the volumes that were made for containers, have no name and belong to none any more; with --all also those that somebody named.

Filters: label=KEY[=VALUE], label!=KEY[=VALUE], until=TIME (made before), all=true|false.`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'also those that have a name' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
  },
  async run({ flags, context }) {
    const filters = parseFilters(flags.filter ?? [], FILTERS)
    const passes = prunePasses(filters)
    const values = filters.get('all')
    const all = flags.all ?? (values === undefined ? false : booleanFilter('all', values))
    const home = await openHome(context)
    const what = all ? 'all volumes' : 'anonymous volumes'
    if (!flags.force && !confirm(`WARNING! This will remove ${what} not used by at least one container.`, '--force')) return 0
    const { names, bytes } = await pruneVolumes(home, all, passes)
    for (const name of names) emitVolume(home, 'destroy', name)
    if (names.length > 0) print(`Deleted Volumes:\n${names.map((name) => `${name}\n`).join('')}\n`)
    print(`Total reclaimed space: ${humanSize(bytes)}\n`)
    return 0
  },
})
