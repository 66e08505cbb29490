import { mkdirSync } from 'node:fs'
import { type Event, EVENT_TYPES, journalFolder } from '../containers/events.ts'
import { readEvents } from '../containers/events-read.ts'
import { type Filters, matchesLabels, parseFilters } from '../support/filters.ts'
import { harmless } from '../support/listing.ts'
import { parseMomentExactly, readMoment } from '../support/moment.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { compileTemplate, type Value } from '../support/template/template.ts'
import { openHome } from './containers.ts'
import { defineCommand } from './context.ts'

const FILTERS = ['container', 'event', 'id', 'image', 'label', 'network', 'scope', 'type', 'volume']
const SCOPE = 'local'

/** Nanoseconds since the epoch of what the journal has. */
const nanoseconds = (time: string): bigint => parseMomentExactly(time)!

const named = (wanted: string, id: string, name: string | undefined): boolean =>
  wanted === name || `/${name}` === wanted || (wanted !== '' && id.startsWith(wanted))

/** The last part of an image’s name, and without its tag too, is a name of it. */
const isImage = (wanted: string, image: string): boolean => {
  const untagged = image.replace(/:[^:/]*$/, '')
  return [image, untagged].some((name) => name === wanted || name.endsWith(`/${wanted}`))
}

type Matches = (event: Event, wanted: string) => boolean

const MATCHES: Readonly<Record<string, Matches>> = {
  container: ({ type, id, attributes }, wanted) => type === 'container' && named(wanted, id, attributes['name']),
  event: ({ action }, wanted) => action === wanted || action.startsWith(`${wanted}: `),
  id: ({ id }, wanted) => id.startsWith(wanted),
  image: ({ type, id, attributes }, wanted) => isImage(wanted, type === 'image' ? (attributes['name'] ?? id) : (attributes['image'] ?? '')),
  network: ({ type, id, attributes }, wanted) => type === 'network' && named(wanted, id, attributes['name']),
  scope: (_, wanted) => wanted === SCOPE,
  type: ({ type }, wanted) => type === wanted,
  volume: ({ type, id }, wanted) => type === 'volume' && id === wanted,
}

const filterOf = (filters: Filters): ((event: Event) => boolean) => {
  for (const type of filters.get('type') ?? [])
    if (!EVENT_TYPES.some((known) => known === type)) throw new UsageError(`--filter type=${type}: there are ${EVENT_TYPES.join(', ')}`)
  return (event) =>
    [...filters].every(([key, values]) =>
      key === 'label' ? matchesLabels(event.attributes, values) : values.some((wanted) => MATCHES[key]!(event, wanted)),
    )
}

const two = (value: number): string => String(value).padStart(2, '0')

/** `2024-01-31T12:00:00.000000000+01:00`, in local time. */
const localTime = (time: string): string => {
  const at = new Date(time)
  const offset = -at.getTimezoneOffset()
  const zone = offset === 0 ? 'Z' : `${offset < 0 ? '-' : '+'}${two(Math.floor(Math.abs(offset) / 60))}:${two(Math.abs(offset) % 60)}`
  const local = new Date(at.getTime() + offset * 60_000).toISOString().slice(0, 19)
  return `${local}.${String(nanoseconds(time) % 1_000_000_000n).padStart(9, '0')}${zone}`
}

const asText = ({ time, type, action, id, attributes }: Event): string => {
  const pairs = Object.keys(attributes)
    .sort()
    .map((name) => `${name}=${attributes[name]}`)
  return harmless(`${localTime(time)} ${type} ${action} ${id}${pairs.length === 0 ? '' : ` (${pairs.join(', ')})`}`)
}

/** docker’s fields: those of a container are there twice, in the old place too. */
const asJson = ({ time, type, action, id, attributes }: Event): string => {
  const nano = nanoseconds(time)
  const old = type === 'container' ? { status: action, id, from: attributes['image'] ?? '' } : {}
  const text = JSON.stringify({
    ...old,
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    scope: SCOPE,
    time: Number(nano / 1_000_000_000n),
    timeNano: 0,
  })
  // beyond what a number of JavaScript’s holds exactly
  return text.replace(/"timeNano":0\}$/, `"timeNano":${nano}}`)
}

const asRow = ({ time, type, action, id, attributes }: Event): Record<string, Value> => {
  const nano = nanoseconds(time)
  const container = type === 'container'
  return {
    Type: type,
    Action: action,
    Actor: { ID: id, Attributes: attributes },
    Scope: SCOPE,
    Time: Number(nano / 1_000_000_000n),
    TimeNano: String(nano),
    ID: container ? id : '',
    Status: container ? action : '',
    From: container ? (attributes['image'] ?? '') : '',
  }
}

/** `{{json .}}` is docker’s JSON and not that of the fields. */
const formatter = (format: string | undefined): ((event: Event) => string) => {
  if (format === undefined || format === '') return asText
  if (format === 'json' || /^\{\{\s*json\s+\.\s*\}\}$/.test(format)) return asJson
  const template = compileTemplate(format)
  return (event) => template(asRow(event))
}

export const command = defineCommand({
  name: 'events',
  aliases: ['system events'],
  heading: 'Containers',
  summary: 'show what happens to containers',
  operands: '',
  count: [0, 0],
  description: `Shows what happens from now on, or with --since what has happened since then too: all of it is written down in a journal, which outlives the boot and of
which the last 16 MiB at least are kept. With --until it ends then, which may be at once.

Filters: container=NAME|ID, event=ACTION, id=ID, image=NAME, label=KEY[=VALUE], network=NAME, scope=local, type=container|image|network|volume, volume=NAME.`,
  flags: {
    since: { type: 'string', value: 'TIME', help: 'also what has happened since then' },
    until: { type: 'string', value: 'TIME', help: 'only what happens until then' },
    filter: { type: 'list', short: 'f', value: 'KEY=VALUE', help: 'only those events' },
    format: { type: 'string', value: 'FORMAT', help: 'json (an object per line), or a template' },
  },
  async run({ flags, context }) {
    const wrong = (problem: string): Error => new UsageError(problem)
    const [since, until] = [readMoment('since', flags.since, wrong), readMoment('until', flags.until, wrong)]
    const matches = filterOf(parseFilters(flags.filter ?? [], FILTERS))
    const format = formatter(flags.format)
    const { root } = await openHome(context)
    mkdirSync(journalFolder(root), { recursive: true, mode: 0o700 })
    const left = until === undefined ? undefined : Number(until / 1_000_000n) - Date.now()
    const follow = left === undefined || left > 0
    const due = left === undefined || left <= 0 ? undefined : AbortSignal.timeout(Math.min(left, 2 ** 31 - 1))
    const signal = due === undefined ? context.signal : AbortSignal.any([context.signal, due])
    // what has happened is read for --since, and for an end that has passed
    const past = since !== undefined || (until !== undefined && !follow)
    for await (const event of readEvents(root, { past, follow, signal })) {
      const time = nanoseconds(event.time)
      if ((since === undefined || time >= since) && (until === undefined || time <= until) && matches(event)) print(`${format(event)}\n`)
    }
    context.signal.throwIfAborted()
    return 0
  },
})
