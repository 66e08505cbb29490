import type { ImageUsage, Store, Usage } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { humanAgo, humanSize } from '../support/human.ts'
import { formatList, type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { defineCommand } from './context.ts'
import { createdOf, imageFacts } from './image-facts.ts'
import { NONE, shortId, shownName } from './image-names.ts'
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

const rowsOf = ({ images, active, blobs, layers, unfinished, reclaimable: free }: Usage): readonly Row[] => [
  {
    Type: 'Images',
    TotalCount: String(images.length),
    Active: String(active),
    Size: humanSize(blobs + layers),
    Reclaimable: reclaimable(free, blobs + layers),
  },
  { Type: 'Unfinished', TotalCount: '-', Active: '-', Size: humanSize(unfinished), Reclaimable: reclaimable(unfinished, unfinished) },
]

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
  description: `Shows what images take on the disk, blobs and unpacked layers together, and what image prune --all would free. With --verbose, image by
image: what it shares with others, and what would be free without it.`,
  flags: {
    verbose: { type: 'boolean', short: 'v', help: 'show each image' },
    format: { type: 'string', value: 'FORMAT', help: 'table, json, a Go template, or table and a Go template' },
  },
  async run({ flags, context }) {
    if (flags.verbose && flags.format !== undefined && flags.format !== 'json' && flags.format !== 'table')
      throw new UsageError('--verbose has table and json, not templates')
    const store = await changeStore(context)
    const usage = await store.usage()
    if (!flags.verbose) {
      printList(rowsOf(usage), LISTING, flags.format)
      return 0
    }
    const images = usage.images.flatMap((one) => imageRows(store, one))
    if (flags.format === 'json') {
      const { blobs, layers, unfinished, reclaimable: free } = usage
      print(`${JSON.stringify({ Images: images, Blobs: blobs, Layers: layers, Unfinished: unfinished, Reclaimable: free })}\n`)
      return 0
    }
    print(`Images space usage:\n\n${formatList(images, IMAGES, undefined)}
Blobs, as registries send them:   ${humanSize(usage.blobs)}
Layers, unpacked:                 ${humanSize(usage.layers)}
Unfinished:                       ${humanSize(usage.unfinished)}
Reclaimable:                      ${humanSize(usage.reclaimable)}
`)
    return 0
  },
})
