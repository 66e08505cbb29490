import { shortId } from '../containers/ids.ts'
import { type ListedNetwork, listNetworks } from '../containers/network/list.ts'
import { parseFilters } from '../support/filters.ts'
import { goTime } from '../support/human.ts'
import { type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { homeOf } from './containers.ts'
import { defineCommand } from './context.ts'
import { FILTER_FLAG, LIST_FLAGS } from './list-flags.ts'
import { NETWORK_FILTERS, networkFilter } from './network-filters.ts'

const LISTING: Listing = {
  titles: {
    ID: 'NETWORK ID',
    Name: 'NAME',
    Driver: 'DRIVER',
    Scope: 'SCOPE',
    IPv4: 'IPV4',
    IPv6: 'IPV6',
    Internal: 'INTERNAL',
    Labels: 'LABELS',
    CreatedAt: 'CREATED AT',
  },
  columns: ['ID', 'Name', 'Driver', 'Scope'],
}

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',')

const rowOf = ({ id, name, driver, ipv4, ipv6, internal, labels, created }: ListedNetwork, whole: boolean): Row => ({
  ID: whole ? id : shortId(id),
  Name: name,
  Driver: driver,
  Scope: 'local',
  IPv4: String(ipv4),
  IPv6: String(ipv6),
  Internal: String(internal),
  Labels: labelsText(labels),
  CreatedAt: created === undefined ? '' : goTime(new Date(created)),
})

export const command = defineCommand({
  name: 'network ls',
  aliases: ['network list'],
  heading: 'Networks',
  summary: 'list networks',
  operands: '',
  count: [0, 0],
  description: `Lists the networks: the default one (bridge), those that were made, those of CNI's configurations, and what --network calls host and none.

Filters: name=PART, id=ID, driver=bridge|cni|host|null, label=KEY[=VALUE], type=builtin|custom, dangling=true|false (nobody is in it), scope=local.`,
  flags: { ...FILTER_FLAG, ...LIST_FLAGS },
  async run({ flags, context }) {
    const home = homeOf(context)
    const filters = parseFilters(flags.filter ?? [], NETWORK_FILTERS)
    const found = listNetworks(home).filter(networkFilter(filters, home))
    const whole = flags['no-trunc'] ?? false
    if (flags.quiet && flags.format === undefined) print(found.map(({ id }) => `${whole ? id : shortId(id)}\n`).join(''))
    else
      printList(
        found.map((network) => rowOf(network, whole)),
        LISTING,
        flags.format,
      )
    return 0
  },
})
