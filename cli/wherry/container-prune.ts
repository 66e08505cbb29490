import { prune } from '../containers/remove.ts'
import { confirm } from '../support/confirm.ts'
import { parseFilters } from '../support/filters.ts'
import { humanSize } from '../support/human.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { PRUNE_FILTERS, pruneFilter } from './container-filters.ts'

export const command = defineCommand({
  name: 'container prune',
  aliases: ['prune'],
  heading: 'Containers',
  summary: 'remove all containers that do not run',
  operands: '',
  count: [0, 0],
  description: `Removes the containers that have ended or were never started, after a question. Those that wait for their next start by a restart policy stay.

Filters: label=KEY[=VALUE], label!=KEY[=VALUE], until=TIME (made before).`,
  flags: {
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
  },
  async run({ flags, context }) {
    const matches = pruneFilter(parseFilters(flags.filter ?? [], PRUNE_FILTERS))
    const home = await openHome(context)
    if (!flags.force && !confirm('WARNING! This will remove all stopped containers.', '--force')) return 0
    const { ids, bytes } = await prune(home, matches)
    if (ids.length > 0) print(`Deleted Containers:\n${ids.map((id) => `${id}\n`).join('')}\n`)
    print(`Total reclaimed space: ${humanSize(bytes)}\n`)
    return 0
  },
})
