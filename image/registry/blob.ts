/** Blobs: distribution-spec, "Pulling blobs", from any byte on, over as many connections as it takes. */
import type { Descriptor } from '../spec/types.ts'
import { layerType } from '../spec/media-types.ts'
import type { Ask, Client } from './client.ts'
import type { Received } from './exchange.ts'
import { type Asked, ConnectionError, corrupt, RegistryError, where } from './failure.ts'
import { flow } from './flow.ts'
import type { Patience } from './patience.ts'
import { clean } from './words.ts'

/** How far it is; shared by the endpoints that are asked one after another. */
export interface Position {
  offset: number
}

/** RFC 9110, section 14.4: `bytes 5-9/10`, `bytes 5-9/*`, `bytes *` with a size. Undefined for anything else. */
export const parseContentRange = (
  header: string | null,
): { readonly first?: number; readonly last?: number; readonly size?: number } | undefined => {
  const [found, first, last, size] = /^\s*bytes\s+(?:(\d{1,15})-(\d{1,15})|\*)\/(\d{1,15}|\*)\s*$/i.exec(header ?? '') ?? []
  if (found === undefined) return undefined
  if (first !== undefined && Number(first) > Number(last)) return undefined
  return {
    ...(first === undefined ? {} : { first: Number(first), last: Number(last) }),
    ...(size === undefined || size === '*' ? {} : { size: Number(size) }),
  }
}

const lengthOf = ({ headers }: Received): number | undefined => {
  const text = headers.get('content-length')
  return text !== null && /^\d{1,15}$/.test(text) ? Number(text) : undefined
}

/** Bytes at the beginning of the answer’s body that are at hand already. Throws where the answer does not fit what was asked for. */
const checkHead = (asked: Asked, received: Received, size: number, offset: number): number => {
  const length = lengthOf(received)
  const has = (actual: number): RegistryError =>
    corrupt(
      asked,
      `${asked.endpoint.registry} has ${actual} bytes of it, but the manifest says ${size}: the image, or the registry, is broken`,
    )
  if (received.status === 200) {
    if (length !== undefined && length !== size) throw has(length)
    return offset
  }
  const header = received.headers.get('content-range')
  const range = parseContentRange(header)
  if (received.status === 416)
    throw range?.size === undefined || range.size >= size
      ? corrupt(asked, `${asked.endpoint.registry} refuses to send it from byte ${offset} on, though it has ${size}`)
      : has(range.size)
  if (range?.size !== undefined && range.size !== size) throw has(range.size)
  const wrong = range?.first !== offset || range.last! >= size || (length !== undefined && length !== range.last! - range.first + 1)
  if (wrong)
    throw corrupt(
      asked,
      `asked for the bytes from ${offset} on, ${asked.endpoint.registry} sends ${header === null ? 'a part of it without saying which' : `${JSON.stringify(clean(header, 60))} (${length ?? 'unknown'} bytes)`}`,
    )
  return 0
}

/** The bytes of one answer that are not at hand; `position` is where they end. */
async function* bodyOf(
  asked: Asked,
  client: Client,
  received: Received,
  size: number,
  position: Position,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  let skip: number
  try {
    skip = checkHead(asked, received, size, position.offset)
  } catch (error) {
    received.drop()
    throw error
  }
  for await (const piece of flow(received, client.limits.stall, client.name, signal)) {
    const skipped = Math.min(skip, piece.length)
    skip -= skipped
    const rest = skipped === 0 ? piece : piece.subarray(skipped)
    if (rest.length === 0) continue
    if (position.offset + rest.length > size)
      throw corrupt(asked, `${asked.endpoint.registry} sends more of it than the ${size} bytes that the manifest says`)
    position.offset += rest.length
    yield rest
  }
}

/** A layer that is not there, and whose descriptor says where else it is, is not fetched from there. */
const foreign = (error: unknown, { mediaType, urls = [] }: Descriptor): unknown => {
  if (!(error instanceof RegistryError) || error.kind !== 'not-found') return error
  if (urls.length === 0 && layerType(mediaType)?.foreign !== true) return error
  const hosts = [...new Set(urls.slice(0, 3).map((url) => (URL.canParse(url) ? new URL(url).host : 'an address that is none')))]
  const at = hosts.length === 0 ? '' : `, said to be at ${clean(hosts.join(', '))}`
  return new RegistryError('not-found', `${error.message}; it is a foreign layer${at}, from which nothing is fetched`, error.registry, {
    cause: error,
  })
}

/** From `position` to the end, as long as the patience lasts. Not verified. */
export async function* readBlob(
  client: Client,
  descriptor: Descriptor,
  position: Position,
  patience: Patience,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const { endpoint } = client
  const { digest, size } = descriptor
  const asked: Asked = { endpoint, thing: `blob ${digest}` }
  const wanted = (offset: number): Ask => ({
    asked,
    method: 'GET',
    at: `${endpoint.repository}/blobs/${digest}`,
    headers: offset === 0 ? {} : { Range: `bytes=${offset}-` },
    expect: offset === 0 ? [200] : [200, 206, 416],
    scopes: [`repository:${endpoint.repository}:pull`],
    signal,
  })
  while (position.offset < size) {
    let received: Received
    try {
      received = await client.request(wanted(position.offset), patience)
    } catch (error) {
      throw foreign(error, descriptor)
    }
    try {
      for await (const piece of bodyOf(asked, client, received, size, position, signal)) {
        patience.progress(piece.length)
        yield piece
      }
    } catch (error) {
      if (!(error instanceof ConnectionError)) throw error
      const words = `${where(endpoint)}: ${asked.thing}: ${error.message}, after ${position.offset} of ${size} bytes`
      await patience.failed({ error: new RegistryError('unavailable', words, endpoint.registry, { cause: error }) })
      continue
    }
    if (position.offset >= size) return
    // an answer in good order, with fewer bytes than there are: a server or proxy that gives up half-way says no more than this
    await patience.failed({
      error: corrupt(asked, `${endpoint.registry} ends it after ${position.offset} of the ${size} bytes that the manifest says`),
    })
  }
}
