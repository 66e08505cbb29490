/** The entries of an uncompressed layer: pushed as the bytes come (for unpacking), or pulled (to look at them). */
import type { Entry, StreamedEntry } from './entry.ts'
import { DEFAULT_LIMITS, type LayerLimits, limitExceeded } from './limits.ts'
import { normalise } from './normalise.ts'
import type { Sink } from './tar/body.ts'
import { TarReader } from './tar/reader.ts'

/** A reader that tells `onEntry` of each entry; what it returns gets the content. */
export const entryReader = (limits: LayerLimits, onEntry: (entry: Entry) => Sink | undefined): TarReader => {
  let entries = 0
  return new TarReader((header, size, preface) => {
    if (++entries > limits.entries) throw limitExceeded(limits, 'entries')
    const entry = normalise(header, size, preface, limits)
    return entry === undefined ? undefined : onEntry(entry)
  })
}

type Event = { readonly entry: Entry } | { readonly bytes: Uint8Array; readonly offset: number } | 'closed'

const ZEROS = new Uint8Array(64 * 1024)

function* zeros(length: number): Generator<Uint8Array> {
  for (let rest = length; rest > 0; rest -= ZEROS.length) yield ZEROS.subarray(0, Math.min(rest, ZEROS.length))
}

/**
 * Entries in the order of the archive, at the pace of whoever reads. Throws WherryError: `invalid-argument` for what is no layer,
 * `resource-exhausted` for limits, and whatever `bytes` throws. Hard links have no body; that of a file can be read once.
 */
export async function* readEntries(
  bytes: AsyncIterable<Uint8Array>,
  limits: LayerLimits = DEFAULT_LIMITS,
): AsyncGenerator<StreamedEntry, void, undefined> {
  let events: Event[] = []
  const reader = entryReader(limits, (entry) => {
    events.push({ entry })
    if (entry.type !== 'file' || !entry.exists || entry.size === 0) return undefined
    return {
      // the reader’s buffers are used again
      write: (part, offset) => events.push({ bytes: Uint8Array.from(part), offset }),
      close: () => events.push('closed'),
    }
  })
  const chunks = bytes[Symbol.asyncIterator]()
  let at = 0
  let ended = false
  /** The next event, which stays where it is. */
  const peek = async (): Promise<Event | undefined> => {
    while (at === events.length && !ended) {
      events = []
      at = 0
      const { value, done } = await chunks.next()
      if (done === true) {
        ended = true
        reader.end()
      } else reader.push(value)
    }
    return events[at]
  }
  async function* bodyOf(entry: Entry): AsyncGenerator<Uint8Array> {
    let position = 0
    for (let event = await peek(); event !== undefined && event !== 'closed' && 'bytes' in event; event = await peek()) {
      at++
      yield* zeros(event.offset - position)
      yield event.bytes
      position = event.offset + event.bytes.length
    }
    yield* zeros(entry.size - position)
  }
  try {
    for (let event = await peek(); event !== undefined; event = await peek()) {
      at++
      if (event === 'closed' || !('entry' in event)) continue
      const { entry } = event
      yield { ...entry, body: bodyOf(entry) }
    }
  } finally {
    await chunks.return?.()
  }
}
