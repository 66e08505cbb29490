import type { Store } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { parseFilters } from '../support/filters.ts'
import { goTime, humanAgo, humanSize } from '../support/human.ts'
import { type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { createdOf, imageFacts } from '../../image/store/facts.ts'
import { type Candidate, IMAGE_FILTERS, imageFilter } from './image-filters.ts'
import { NONE, shortId, shownName } from './image-names.ts'
import { FILTER_FLAG, LIST_FLAGS } from './list-flags.ts'
import { readStore } from './store.ts'

const LISTING: Listing = {
  titles: {
    ID: 'IMAGE ID',
    Repository: 'REPOSITORY',
    Tag: 'TAG',
    Digest: 'DIGEST',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    Size: 'SIZE',
    VirtualSize: 'SIZE',
    SharedSize: 'SHARED SIZE',
    UniqueSize: 'UNIQUE SIZE',
    Containers: 'CONTAINERS',
  },
  columns: ['Repository', 'Tag', 'ID', 'CreatedSince', 'Size'],
}

const UNKNOWN = 'N/A'

const candidates = (store: Store): readonly Candidate[] =>
  store.images.list().map((image) => {
    try {
      return { image, facts: image.id === undefined ? undefined : imageFacts(store, image) }
    } catch (error) {
      // one damaged image does not hide the others: system check tells of it
      if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'data-loss' || error.kind === 'invalid-argument'))
        return { image, facts: undefined }
      throw error
    }
  })

const idOf = ({ image }: Candidate, whole: boolean): string => {
  const id = image.id ?? image.descriptor.digest
  return whole ? id : shortId(id)
}

const rowOf = (candidate: Candidate, whole: boolean, now: Date): Row => {
  const { image, facts } = candidate
  const { repository, tag } = shownName(image)
  const created = facts === undefined ? undefined : createdOf(facts.config)
  const size = facts === undefined ? UNKNOWN : humanSize(facts.size)
  return {
    Containers: UNKNOWN,
    CreatedAt: created === undefined ? UNKNOWN : goTime(created),
    CreatedSince: created === undefined ? UNKNOWN : humanAgo(created, now),
    Digest: image.repository === undefined && image.name === undefined ? NONE : image.digest,
    ID: idOf(candidate, whole),
    Repository: repository,
    SharedSize: UNKNOWN,
    Size: size,
    Tag: tag,
    UniqueSize: UNKNOWN,
    VirtualSize: size,
  }
}

/** Newest first, as docker lists them. */
const newest = (a: Candidate, b: Candidate): number => {
  const [left, right] = [a, b].map(({ facts }) => (facts === undefined ? 0 : (createdOf(facts.config)?.getTime() ?? 0)))
  return right! - left!
}

export const command = defineCommand({
  name: 'images',
  aliases: ['image ls', 'image list'],
  heading: 'Images',
  summary: 'list images',
  operands: '[REPOSITORY[:TAG]]',
  count: [0, 1],
  description: `Lists the images in the store, or those of a repository, which may be a pattern. SIZE is what the files of its layers take; layers that
images share count for each.

Filters: dangling=true|false (has no name), reference=PATTERN, label=KEY[=VALUE], before=IMAGE, since=IMAGE, until=TIME.`,
  flags: {
    all: { type: 'boolean', short: 'a', help: 'list all images: there are no hidden ones, so this changes nothing' },
    digests: { type: 'boolean', help: 'show digests' },
    ...FILTER_FLAG,
    ...LIST_FLAGS,
  },
  async run({ flags, args, context }) {
    const pattern = args[0] === undefined ? [] : [`reference=${args[0]}`]
    const filters = parseFilters([...(flags.filter ?? []), ...pattern], IMAGE_FILTERS)
    const store = readStore(context)
    const found = candidates(store).filter(imageFilter(store, filters)).sort(newest)
    const whole = flags['no-trunc'] ?? false
    if (flags.quiet && flags.format === undefined) {
      print(found.map((candidate) => `${idOf(candidate, whole)}\n`).join(''))
      return 0
    }
    const now = new Date()
    const columns = flags.digests ? ['Repository', 'Tag', 'Digest', 'ID', 'CreatedSince', 'Size'] : LISTING.columns
    printList(
      found.map((candidate) => rowOf(candidate, whole, now)),
      { ...LISTING, columns },
      flags.format,
    )
    return 0
  },
})
