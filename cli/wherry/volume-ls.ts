import type { Home } from '../containers/home.ts'
import { dataFolder, listVolumes, type VolumeDocument } from '../containers/volumes/store.ts'
import { usersOfVolumes } from '../containers/volumes/users.ts'
import { parseFilters } from '../support/filters.ts'
import { type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { homeOf } from './containers.ts'
import { defineCommand } from './context.ts'
import { FILTER_FLAG, LIST_FLAGS } from './list-flags.ts'
import { labelsText, VOLUME_FILTERS, volumeFilter } from './volume-facts.ts'

const LISTING: Listing = {
  titles: {
    Driver: 'DRIVER',
    Name: 'VOLUME NAME',
    Scope: 'SCOPE',
    Mountpoint: 'MOUNTPOINT',
    Labels: 'LABELS',
    Links: 'LINKS',
    Size: 'SIZE',
    Availability: 'AVAILABILITY',
    Group: 'GROUP',
    Status: 'STATUS',
  },
  columns: ['Driver', 'Name'],
}

const UNKNOWN = 'N/A'

const rowOf = (home: Home, { name, labels }: VolumeDocument, links: number): Row => ({
  Driver: 'local',
  Name: name,
  Scope: 'local',
  Mountpoint: dataFolder(home, name),
  Labels: labelsText(labels),
  Links: String(links),
  Size: UNKNOWN,
  Availability: UNKNOWN,
  Group: UNKNOWN,
  Status: UNKNOWN,
})

export const command = defineCommand({
  name: 'volume ls',
  aliases: ['volume list'],
  heading: 'Volumes',
  summary: 'list volumes',
  operands: '',
  count: [0, 0],
  description: `Lists the volumes.

Filters: name=PART, label=KEY[=VALUE], driver=local, dangling=true|false (no container has it).`,
  flags: { ...FILTER_FLAG, ...LIST_FLAGS },
  async run({ flags, context }) {
    const home = homeOf(context)
    const found = listVolumes(home).filter(volumeFilter(parseFilters(flags.filter ?? [], VOLUME_FILTERS), home))
    if (flags.quiet && flags.format === undefined) {
      print(found.map(({ name }) => `${name}\n`).join(''))
      return 0
    }
    const users = usersOfVolumes(home)
    printList(
      found.map((volume) => rowOf(home, volume, users.get(volume.name)?.length ?? 0)),
      LISTING,
      flags.format,
    )
    return 0
  },
})
