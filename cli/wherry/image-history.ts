import { historyRows, type HistoryRow } from '../../image/inspect/history.ts'
import { imageOfStore } from '../../image/inspect/image.ts'
import { goTime, humanAgo, humanSize } from '../support/human.ts'
import { type Listing, printList, type Row } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { defineCommand } from './context.ts'
import { findImage } from './find-image.ts'
import { createdOf } from '../../image/store/facts.ts'
import { familiarName, shortId } from './image-names.ts'
import { LIST_FLAGS } from './list-flags.ts'
import { readStore } from './store.ts'

const LISTING: Listing = {
  titles: {
    ID: 'IMAGE',
    CreatedSince: 'CREATED',
    CreatedAt: 'CREATED AT',
    CreatedBy: 'CREATED BY',
    Size: 'SIZE',
    Comment: 'COMMENT',
    Tags: 'TAGS',
  },
  columns: ['ID', 'CreatedSince', 'CreatedBy', 'Size', 'Comment'],
}

const WIDEST = 45
const UNKNOWN = 'N/A'

const cut = (text: string): string => (text.length > WIDEST ? `${text.slice(0, WIDEST - 1)}…` : text)

const idOf = ({ id }: HistoryRow, whole: boolean): string => (id === '<missing>' || whole ? id : shortId(id))

export const command = defineCommand({
  name: 'image history',
  aliases: ['history'],
  heading: 'Images',
  summary: 'show how an image was made',
  operands: 'IMAGE',
  count: [1, 1],
  description: 'Lists the steps that made an image, newest first, with what each added. See image layers for what is in them.',
  flags: {
    human: { type: 'boolean', short: 'H', help: 'print sizes and times for people; --human=false prints bytes and times (default: true)' },
    ...LIST_FLAGS,
  },
  async run({ flags, args, context }) {
    const store = readStore(context)
    const image = findImage(store, args[0]!)
    const tags = store.images.list().flatMap(({ id, name }) => (id === image.id && name !== undefined ? [familiarName(name)] : []))
    const rows = historyRows(await imageOfStore(store, image), tags)
    const whole = flags['no-trunc'] ?? false
    if (flags.quiet && flags.format === undefined) {
      print(rows.map((row) => `${idOf(row, whole)}\n`).join(''))
      return 0
    }
    const human = flags.human ?? true
    const now = new Date()
    const shown = rows.map((row): Row => {
      const created = createdOf(row)
      const by = row.createdBy.replaceAll('\t', ' ')
      return {
        ID: idOf(row, whole),
        CreatedSince: created === undefined ? UNKNOWN : human ? humanAgo(created, now) : (row.created ?? UNKNOWN),
        CreatedAt: created === undefined ? UNKNOWN : human ? goTime(created) : (row.created ?? UNKNOWN),
        CreatedBy: whole ? by : cut(by),
        Size: human ? humanSize(row.size) : String(row.size),
        Comment: row.comment,
        Tags: row.tags,
      }
    })
    printList(shown, LISTING, flags.format)
    return 0
  },
})
