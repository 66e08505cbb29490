import { pruneNetworks } from '../containers/network/remove.ts'
import { prune } from '../containers/remove.ts'
import { pruneVolumes } from '../containers/volumes/remove.ts'
import { confirm } from '../support/confirm.ts'
import { parseFilters } from '../support/filters.ts'
import { humanSize } from '../support/human.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { pruneFilter } from './container-filters.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { PRUNE_FILTERS, pruneImages } from './image-prune.ts'
import { emitVolume } from './network-events.ts'
import { prunePasses } from './network-filters.ts'
import { changeStore } from './store.ts'

const lines = (title: string, names: readonly string[]): string =>
  names.length === 0 ? '' : `${title}:\n${names.map((name) => `${name}\n`).join('')}\n`

export const command = defineCommand({
  name: 'system prune',
  heading: 'System',
  summary: 'remove what nobody uses',
  operands: '',
  count: [0, 0],
  description: `Removes the containers that do not run, networks that no container is to be in, images without a name (with --all every image that no container
uses), and whatever nothing refers to; with --volumes also the volumes without a name that belong to no container.

Filters: until=TIME (made before that; not with --volumes), label=KEY[=VALUE], label!=KEY[=VALUE].`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'remove all images that no container uses' },
    volumes: { type: 'boolean', help: 'remove volumes too that have no name and belong to no container' },
    filter: { type: 'list', value: 'KEY=VALUE', help: 'only remove what this is true of' },
    force: { type: 'boolean', short: 'f', help: 'do not ask' },
  },
  async run({ flags, context }) {
    const filters = parseFilters(flags.filter ?? [], PRUNE_FILTERS)
    const { all = false, volumes = false } = flags
    if (volumes && filters.has('until'))
      throw new UsageError('--volumes and --filter until= do not go together: volumes are kept by what is in them')
    const [matchesContainer, matches] = [pruneFilter(filters), prunePasses(filters)]
    const home = await openHome(context) // first: it may begin this program again
    const store = await changeStore(context)
    const warning = [
      'all stopped containers',
      'all networks not used by at least one container',
      ...(volumes ? ['all anonymous volumes not used by at least one container'] : []),
      all ? 'all images without at least one container associated to them' : 'all dangling images',
      'unused blobs and layers',
    ]
    if (!flags.force && !confirm(`WARNING! This will remove:\n${warning.map((what) => `  - ${what}\n`).join('')}`, '--force')) return 0
    const containers = await prune(home, matchesContainer)
    print(lines('Deleted Containers', containers.ids))
    print(lines('Deleted Networks', await pruneNetworks(home, matches)))
    const gone = volumes ? await pruneVolumes(home, false, matches) : { names: [], bytes: 0 }
    for (const name of gone.names) emitVolume(home, 'destroy', name)
    print(lines('Deleted Volumes', gone.names))
    const images = await pruneImages(store, home, all, filters)
    print(`Total reclaimed space: ${humanSize(containers.bytes + gone.bytes + images)}\n`)
    return 0
  },
})
