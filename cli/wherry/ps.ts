import type { PublishedPort } from '../../runtime/network/attachments.ts'
import { shortId } from '../containers/ids.ts'
import type { Home } from '../containers/home.ts'
import { placesOf } from '../containers/home.ts'
import { hostsOf, portName, portsColumn, publisher } from '../containers/ports.ts'
import { readRun, type RunRecord } from '../containers/run-record.ts'
import { isUp, statusOf, statusWords } from '../containers/status.ts'
import type { Container } from '../containers/store.ts'
import { tidyAll } from '../containers/tidy.ts'
import { contentSize } from '../containers/usage.ts'
import { parseFilters } from '../support/filters.ts'
import { goTime, humanAgo, humanDuration, humanSize } from '../support/human.ts'
import { type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { type Candidate, CONTAINER_FILTERS, containerFilter } from './container-filters.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { imageSize } from './container-image.ts'
import { familiarName } from './image-names.ts'
import { FILTER_FLAG, LIST_FLAGS } from './list-flags.ts'

const COLUMNS = ['ID', 'Image', 'Command', 'RunningFor', 'Status', 'Ports', 'Names'] as const

const LISTING: Listing = {
  titles: {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    ImageID: 'IMAGE ID',
    Command: 'COMMAND',
    CreatedAt: 'CREATED AT',
    RunningFor: 'CREATED',
    Status: 'STATUS',
    State: 'STATE',
    Ports: 'PORTS',
    Names: 'NAMES',
    Size: 'SIZE',
    Labels: 'LABELS',
    Mounts: 'MOUNTS',
    LocalVolumes: 'LOCAL VOLUMES',
    Networks: 'NETWORKS',
    ExitCode: 'EXIT CODE',
    Restarts: 'RESTARTS',
    Uptime: 'UPTIME',
  },
  columns: COLUMNS,
}

const COMMAND_SHOWN = 20
const MOUNT_SHOWN = 15

const cut = (text: string, length: number, whole: boolean): string =>
  whole || text.length <= length ? text : `${text.slice(0, length - 1)}…`

const networksOf = ({ config: { request } }: Container): string => {
  const { mode, names } = request.network
  return mode === 'networks' ? (names.length === 0 ? 'bridge' : names.join(',')) : mode
}

const sizeOf = (home: Home, { id, config }: Container): string => {
  const own = contentSize(placesOf(home, id).upper)
  const image = imageSize(home, config)
  return `${humanSize(own)} (virtual ${humanSize(own + image)})`
}

/** What is published of a container. */
type Ports = (candidate: Pick<Candidate, 'container' | 'status'>) => readonly PublishedPort[]

interface Shown {
  readonly ports: Ports
  readonly whole: boolean
  readonly size: boolean
  readonly now: Date
}

const rowOf = (home: Home, { container, status }: Candidate, { whole, size, now, ports }: Shown): Row => {
  const { id, config, state } = container
  const { request } = config
  const created = new Date(config.created)
  const up = isUp(status)
  const volumes = request.mounts.filter(({ type }) => type === 'volume')
  return {
    ID: whole ? id : shortId(id),
    Image: config.image === undefined ? (request.rootfs ?? '') : familiarName(config.image.name),
    ImageID: config.image?.id ?? '',
    Command: `"${cut(config.process.args.join(' '), COMMAND_SHOWN, whole)}"`,
    CreatedAt: goTime(created),
    RunningFor: humanAgo(created, now),
    Status: statusWords(status, state, now),
    State: status,
    Ports: up ? portsColumn(ports({ container, status }), container) : '',
    Names: config.name,
    Size: size ? sizeOf(home, container) : '',
    Labels: Object.entries(config.labels)
      .map(([key, value]) => `${key}=${value}`)
      .join(','),
    Mounts: request.mounts.map(({ source, target }) => cut(source ?? target, MOUNT_SHOWN, whole)).join(','),
    LocalVolumes: String(volumes.length),
    Networks: networksOf(container),
    ExitCode: state.exitCode ?? 0,
    Restarts: state.restarts,
    Uptime: up && state.started !== undefined ? humanDuration(now.getTime() - Date.parse(state.started)) : '',
  }
}

/** Host ports and ports, for the filter. */
const publishedNames = (ports: readonly PublishedPort[]): string[] =>
  ports.flatMap((port) => [portName(port), `${port.hostPort}/${port.protocol}`, ...hostsOf(port)])

/** Those that a filter speaks of, also if they do not run. */
const TELLING = ['status', 'exited']

export const command = defineCommand({
  name: 'ps',
  aliases: ['container ls', 'container list', 'container ps', 'ls'],
  heading: 'Containers',
  summary: 'list containers',
  operands: '',
  count: [0, 0],
  description: `Lists the containers that run, or with --all all of them, the newest first.

Filters: ancestor=IMAGE, before=CONTAINER, exited=STATUS, expose=PORT, health=starting|healthy|unhealthy|none, id=ID, label=KEY[=VALUE],
name=PATTERN (a regular expression), network=NETWORK, publish=PORT, since=CONTAINER, status=STATUS, until=TIME, volume=VOLUME|PATH.`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'also those that do not run' },
    latest: { type: 'boolean', short: 'l', help: 'only the one that was made last, whether it runs or not' },
    last: { type: 'integer', short: 'n', value: 'COUNT', help: 'only so many that were made last, whether they run or not' },
    size: { type: 'boolean', short: 's', help: 'show what they have written, and how much that is with their images' },
    ...FILTER_FLAG,
    ...LIST_FLAGS,
  },
  async run({ flags, context }) {
    const filters = parseFilters(flags.filter ?? [], CONTAINER_FILTERS)
    const home = await openHome(context)
    const matches = containerFilter(filters, home)
    const last = flags.latest ? 1 : flags.last !== undefined && flags.last >= 0 ? flags.last : undefined
    const all = (flags.all ?? false) || last !== undefined || TELLING.some((key) => filters.has(key))
    const runs = new Map<string, RunRecord | undefined>()
    const published = publisher(home)
    const ports: Ports = ({ container: { id }, status }) => (isUp(status) ? published(id, runs.get(id) ?? readRun(home, id)) : [])
    const found: Candidate[] = []
    for (const container of await tidyAll(home)) {
      runs.set(container.id, container.run)
      const status = await statusOf(home, container, container.run)
      const candidate = { container, status, published: filters.has('publish') ? publishedNames(ports({ container, status })) : [] }
      if ((all || isUp(status) || status === 'restarting') && matches(candidate)) found.push(candidate)
    }
    const chosen = last === undefined ? found : found.slice(0, last)
    const whole = flags['no-trunc'] ?? false
    if (flags.quiet && flags.format === undefined) {
      print(chosen.map(({ container: { id } }) => `${whole ? id : shortId(id)}\n`).join(''))
      return 0
    }
    const now = new Date()
    const size = (flags.size ?? false) || /\.Size\b/.test(flags.format ?? '')
    const columns = flags.size ? [...COLUMNS, 'Size'] : COLUMNS
    printList(
      chosen.map((candidate) => rowOf(home, candidate, { whole, size, now, ports })),
      { ...LISTING, columns },
      flags.format,
    )
    return 0
  },
})
