import type { ImageUsage, Store, Usage } from '../../image/store/store.ts'
import { type ContainerUsage, containersUsage, type VolumeUsage, volumesUsage } from '../containers/disk.ts'
import { shortId as shortContainerId } from '../containers/ids.ts'
import { statusWords } from '../containers/status.ts'
import { WherryError } from '../../runtime/errors.ts'
import { humanAgo, humanSize } from '../support/human.ts'
import { formatList, type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'
import { createdOf, imageFacts } from '../../image/store/facts.ts'
import { familiarName, NONE, shortId, shownName } from './image-names.ts'
import { changeStore } from './store.ts'

const LISTING: Listing = {
  titles: { Type: 'TYPE', TotalCount: 'TOTAL', Active: 'ACTIVE', Size: 'SIZE', Reclaimable: 'RECLAIMABLE' },
  columns: ['Type', 'TotalCount', 'Active', 'Size', 'Reclaimable'],
}

const IMAGES: Listing = {
  titles: {
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    ID: 'IMAGE ID',
    CreatedSince: 'CREATED',
    Size: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    Containers: 'CONTAINERS',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size', 'SharedSize', 'UniqueSize', 'Containers'],
}

const reclaimable = (bytes: number, of: number): string =>
  of === 0 ? humanSize(bytes) : `${humanSize(bytes)} (${Math.round((bytes / of) * 100)}%)`

const sum = (sizes: readonly { readonly size: number }[]): number => sizes.reduce((all, { size }) => all + size, 0)

const rowsOf = (
  { images, active, blobs, layers, unfinished, reclaimable: free }: Usage,
  containers: readonly ContainerUsage[],
  volumes: readonly VolumeUsage[],
): readonly Row[] => [
  {
    Type: 'Images',
    TotalCount: String(images.length),
    Active: String(active),
    Size: humanSize(blobs + layers),
    Reclaimable: reclaimable(free, blobs + layers),
  },
  {
    Type: 'Containers',
    TotalCount: String(containers.length),
    Active: String(containers.filter((one) => one.active).length),
    Size: humanSize(sum(containers)),
    Reclaimable: reclaimable(sum(containers.filter((one) => !one.active)), sum(containers)),
  },
  {
    Type: 'Local Volumes',
    TotalCount: String(volumes.length),
    Active: String(volumes.filter(({ links }) => links > 0).length),
    Size: humanSize(sum(volumes)),
    Reclaimable: reclaimable(sum(volumes.filter(({ links }) => links === 0)), sum(volumes)),
  },
  { Type: 'Unfinished', TotalCount: '-', Active: '-', Size: humanSize(unfinished), Reclaimable: reclaimable(unfinished, unfinished) },
]

const CONTAINERS: Listing = {
  titles: {
    ID: 'CONTAINER ID',
    Image: 'IMAGE',
    Command: 'COMMAND',
    LocalVolumes: 'LOCAL VOLUMES',
    Size: 'SIZE',
    RunningFor: 'CREATED',
    Status: 'STATUS',
    Names: 'NAMES',
  },
  columns: ['ID', 'Image', 'Command', 'LocalVolumes', 'Size', 'RunningFor', 'Status', 'Names'],
}

const COMMAND_SHOWN = 20

const containerRow = ({ container: { id, config, state }, status, size }: ContainerUsage): Row => {
  const command = config.process.args.join(' ')
  return {
    ID: shortContainerId(id),
    Image: config.image === undefined ? (config.request.rootfs ?? '') : familiarName(config.image.name),
    Command: `"${command.length > COMMAND_SHOWN ? `${command.slice(0, COMMAND_SHOWN - 1)}…` : command}"`,
    LocalVolumes: String(config.request.mounts.filter(({ type }) => type === 'volume').length),
    Size: humanSize(size),
    RunningFor: humanAgo(new Date(config.created), new Date()),
    Status: statusWords(status, state, new Date()),
    Names: config.name,
  }
}

const VOLUMES: Listing = {
  titles: { Name: 'VOLUME NAME', Links: 'LINKS', Size: 'SIZE' },
  columns: ['Name', 'Links', 'Size'],
}

const volumeRow = ({ name, links, size }: VolumeUsage): Row => ({ Name: name, Links: String(links), Size: humanSize(size) })

const age = (store: Store, { images }: ImageUsage): string => {
  const image = images[0]!
  if (image.id === undefined) return 'N/A'
  try {
    const created = createdOf(imageFacts(store, image).config)
    return created === undefined ? 'N/A' : humanAgo(created, new Date())
  } catch (error) {
    if (error instanceof WherryError) return 'N/A' // system check tells of it
    throw error
  }
}

const imageRows = (store: Store, usage: ImageUsage): readonly Row[] =>
  usage.images.map((image) => {
    const { repository, tag } = shownName(image)
    return {
      Repository: repository,
      Tag: tag,
      ID: image.id === undefined ? NONE : shortId(image.id),
      CreatedSince: age(store, usage),
      Size: humanSize(usage.size),
      SharedSize: humanSize(usage.size - usage.unique),
      UniqueSize: humanSize(usage.unique),
      Containers: String(usage.owners.length),
    }
  })

export const command = defineCommand({
  name: 'system df',
  heading: 'System',
  summary: 'show what takes space on the disk',
  operands: '',
  count: [0, 0],
  description: `Shows what images take on the disk, blobs and unpacked layers together, and what image prune --all would free; what containers have written and
logged, and what those take that do not run; volumes, and those that no container has. With --verbose, one by one: of an image also what it
shares with others, and what would be free without it.`,
  flags: {
    verbose: { type: 'boolean', short: 'v', help: 'show each image, container and volume' },
    format: { type: 'string', value: 'FORMAT', help: 'table, json, a Go template, or table and a Go template' },
  },
  async run({ flags, context }) {
    if (flags.verbose && flags.format !== undefined && flags.format !== 'json' && flags.format !== 'table')
      throw new UsageError('--verbose has table and json, not templates')
    const store = await changeStore(context)
    const home = await openHome(context)
    const usage = await store.usage()
    const containers = await containersUsage(home)
    const volumes = volumesUsage(home)
    if (!flags.verbose) {
      printList(rowsOf(usage, containers, volumes), LISTING, flags.format)
      return 0
    }
    const images = usage.images.flatMap((one) => imageRows(store, one))
    if (flags.format === 'json') {
      const { blobs, layers, unfinished, reclaimable: free } = usage
      const shown = { Images: images, Containers: containers.map(containerRow), Volumes: volumes.map(volumeRow) }
      print(`${JSON.stringify({ ...shown, Blobs: blobs, Layers: layers, Unfinished: unfinished, Reclaimable: free })}\n`)
      return 0
    }
    print(`Images space usage:\n\n${formatList(images, IMAGES, undefined)}
Blobs, as registries send them:   ${humanSize(usage.blobs)}
Layers, unpacked:                 ${humanSize(usage.layers)}
Unfinished:                       ${humanSize(usage.unfinished)}
Reclaimable:                      ${humanSize(usage.reclaimable)}

Containers space usage:

${formatList(containers.map(containerRow), CONTAINERS, undefined)}
Local Volumes space usage:

${formatList(volumes.map(volumeRow), VOLUMES, undefined)}`)
    return 0
  },
})
