import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { parseName } from '../../../../image/reference.ts'
import { listTags } from '../../../../image/registry/tags.ts'
import { imageOf } from '../../../support/images.ts'
import { startRegistry, type TestRegistry } from '../../../support/registry/server.ts'

describe('tags of a repository', () => {
  let registry: TestRegistry
  before(async () => {
    registry = await startRegistry()
    registry.contents.add('a/b', await imageOf({ layers: [] }), ...Array.from({ length: 7 }, (_, index) => `v${index}`))
  })
  after(() => registry.close())

  const list = (): Promise<readonly string[]> =>
    listTags(parseName(`${registry.host}/a/b`), {
      endpoints: [{ registry: registry.host, repository: 'a/b', insecure: true }],
      limits: { tries: 1 },
    })

  const page = (tags: readonly unknown[], link?: string) => () => ({
    status: 200,
    headers: { 'Content-Type': 'application/json', ...(link === undefined ? {} : { Link: link }) },
    body: Buffer.from(JSON.stringify({ name: 'a/b', tags })),
  })

  test('are those of all pages', async () => {
    registry.behave()
    registry.on({ path: /tags\/list$/ }, page(['v0', 'v1'], '</v2/a/b/tags/list?last=v1>; rel="next"'))
    registry.on({ path: /last=v1$/ }, page(['v2']))
    assert.deepEqual(await list(), ['v0', 'v1', 'v2'])
    registry.behave()
    assert.equal((await list()).length, 7)
  })

  test('pages elsewhere, pages without end, and what is no tag are refused', async () => {
    for (const [misbehaviour, wanted] of [
      [page(['v0'], '<http://127.0.0.1:1/v2/a/b/tags/list>; rel="next"'), /goes on at another place than the registry/],
      [page([], '</v2/a/b/tags/list>; rel="next"'), /has an empty page that another one follows/],
      [page(Array(50_001).fill('v'), '</v2/a/b/tags/list>; rel="next"'), /more than 100000 tags/],
      [page(['../../x']), /tag "\.\.\/\.\.\/x" must be of letters/],
      [page([5]), /has a tag that is not a string/],
      [() => ({ status: 200, body: Buffer.from('<html>') }), /is not JSON/],
    ] as const) {
      registry.behave()
      registry.on('/tags/list', misbehaviour)
      await assert.rejects(list(), wanted)
    }
  })

  test('of a repository that is not there', async () => {
    registry.behave()
    const missing = listTags(parseName(`${registry.host}/no/pe`), {
      endpoints: [{ registry: registry.host, repository: 'no/pe', insecure: true }],
    })
    await assert.rejects(missing, { kind: 'not-found' })
  })
})
