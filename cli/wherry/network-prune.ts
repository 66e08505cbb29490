import { pruneNetworks } from '../containers/network/remove.ts'
import { confirm } from '../support/confirm.ts'
import { parseFilters } from '../support/filters.ts'
import { print } from '../support/output.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { NETWORK_PRUNE_FILTERS, prunePasses } from './network-filters.ts'

export const command = defineCommand({
  name: 'network prune',
  heading: 'Networks',
  summary: 'remove networks that no container uses',
  operands: '',
  count: [0, 0],
  description: `Removes the networks that no container is or is to be in, running or not, after a question.

Filters: label=KEY[=VALUE], label!=KEY[=VALUE], until=TIME (made before).`,
  flags: {
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
  },
  async run({ flags, context }) {
    const passes = prunePasses(parseFilters(flags.filter ?? [], NETWORK_PRUNE_FILTERS))
    const home = await openHome(context)
    if (!flags.force && !confirm('WARNING! This will remove all custom networks not used by at least one container.', '--force')) return 0
    const removed = await pruneNetworks(home, passes)
    if (removed.length > 0) print(`Deleted Networks:\n${removed.map((name) => `${name}\n`).join('')}\n`)
    return 0
  },
})
