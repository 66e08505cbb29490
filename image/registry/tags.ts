/** Tags of a repository: distribution-spec, "Listing Tags". */
import { WherryError } from '../../runtime/errors.ts'
import { repository, type Reference, withTag } from '../reference.ts'
import { Client } from './client.ts'
import { type Asked, corrupt } from './failure.ts'
import type { RegistryOptions } from './options.ts'

const LARGEST_PAGE = 4 * 1024 * 1024
const MOST_TAGS = 100_000
const MOST_PAGES = 1000

const tagsIn = (asked: Asked, reference: Reference, bytes: Uint8Array | undefined): readonly string[] => {
  if (bytes === undefined) throw corrupt(asked, `has more than ${LARGEST_PAGE} bytes`)
  let value: unknown
  try {
    value = JSON.parse(Buffer.from(bytes).toString())
  } catch {
    throw corrupt(asked, 'is not JSON')
  }
  const tags = typeof value === 'object' && value !== null && 'tags' in value ? (value.tags ?? []) : undefined
  if (!Array.isArray(tags)) throw corrupt(asked, 'is no list of tags')
  return tags.map((tag: unknown) => {
    if (typeof tag !== 'string') throw corrupt(asked, 'has a tag that is not a string')
    return withTag(reference, tag).tag!
  })
}

/** RFC 8288: the address of the next page. */
const nextPage = (asked: Asked, client: Client, from: URL, header: string | null): URL | undefined => {
  const [, target] = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(header ?? '') ?? []
  if (target === undefined) return undefined
  const url = URL.canParse(target, from.href) ? new URL(target, from.href) : undefined
  if (url === undefined || !client.owns(url)) throw corrupt(asked, 'goes on at another place than the registry')
  return url
}

/** In the order of the registry. Throws `not-found` where there is no such repository. */
export const listTags = async (reference: Reference, options: RegistryOptions, signal?: AbortSignal): Promise<readonly string[]> => {
  const endpoint = options.endpoints.find(({ mirror }) => mirror !== true)
  if (endpoint === undefined)
    throw new WherryError('failed-precondition', `${repository(reference)}: the settings leave no registry to ask for its tags`)
  const client = new Client(endpoint, options, repository(reference))
  const asked = { endpoint, thing: 'list of tags' }
  const tags: string[] = []
  try {
    let at: string | URL | undefined = `${endpoint.repository}/tags/list`
    const scopes = [`repository:${endpoint.repository}:pull`]
    for (let pages = 0; at !== undefined; pages++) {
      if (pages >= MOST_PAGES) throw corrupt(asked, `has more than ${MOST_PAGES} pages`)
      const { received, bytes } = await client.fetch({ asked, method: 'GET', at, expect: [200], scopes, signal }, LARGEST_PAGE)
      const page = tagsIn(asked, reference, bytes)
      at = nextPage(asked, client, received.url, received.headers.get('link'))
      if (page.length === 0 && at !== undefined) throw corrupt(asked, 'has an empty page that another one follows')
      tags.push(...page)
      if (tags.length > MOST_TAGS) throw corrupt(asked, `has more than ${MOST_TAGS} tags`)
    }
    return tags
  } finally {
    client.close()
  }
}
