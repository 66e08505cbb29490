import assert from 'node:assert/strict'
import { after, afterEach, test } from 'node:test'
import { parseReference } from '../../../../image/reference.ts'
import { listTags } from '../../../../image/registry/tags.ts'
import { imageOf } from '../../../support/images.ts'
import { IMPATIENT, refused } from '../../../support/registry/client.ts'
import { cutAfter, endlessBody, fail } from '../../../support/registry/misbehave.ts'
import { startRegistry } from '../../../support/registry/server.ts'

const registry = await startRegistry()
after(() => registry.close())
afterEach(() => registry.behave())
registry.contents.add('a/b', await imageOf({ layers: [] }), 'one', 'two', '3.0')

const list = (name = 'a/b', signal?: AbortSignal): Promise<readonly string[]> => {
  const endpoints = [{ registry: registry.host, repository: name, insecure: true }]
  return listTags(parseReference(`${registry.host}/${name}`), { endpoints, env: {}, limits: IMPATIENT }, signal)
}
const page = (tags: unknown, link?: string) => () => ({
  status: 200,
  ...(link === undefined ? {} : { headers: { Link: link } }),
  body: Buffer.from(JSON.stringify({ name: 'a/b', tags })),
})

test('in the registry’s order', async () => {
  assert.deepEqual(await list(), ['one', 'two', '3.0'])
})

test('none', async () => {
  registry.on('/tags/', page(null))
  assert.deepEqual(await list(), [])
})

test('over pages', async () => {
  registry.on(/list$/, page(['a', 'b'], '</v2/a/b/tags/list?last=b&n=2>; rel="next"'))
  registry.on(/last=b/, page(['c'], `<${registry.url}/v2/a/b/tags/list?last=c>; rel=next`))
  registry.on(/last=c/, page(['d']))
  assert.deepEqual(await list(), ['a', 'b', 'c', 'd'])
})

test('a page whose connection breaks is asked for again', async () => {
  registry.on({ path: '/tags/', times: 2 }, cutAfter(5))
  assert.deepEqual(await list(), ['one', 'two', '3.0'])
  registry.on('/tags/', cutAfter(5))
  await refused(list(), 'unavailable', `${registry.host}/a/b: list of tags`, 'the connection broke')
})

test('no repository', async () => {
  await refused(list('no/such'), 'not-found', '404 NAME_UNKNOWN', 'list of tags')
  registry.on('/tags/', fail(403, 'DENIED', 'no'))
  await refused(list(), 'permission-denied', '403 DENIED')
})

test('what is no list', async () => {
  for (const [body, words] of [
    ['x', 'is not JSON'],
    ['[]', 'is no list of tags'],
    ['{"tags":7}', 'is no list of tags'],
    ['{"tags":[7]}', 'has a tag that is not a string'],
  ] as const) {
    registry.on('/tags/', () => ({ status: 200, body: Buffer.from(body) }))
    await refused(list(), 'data-loss', words)
  }
  registry.on('/tags/', page(['\u001b[2J']))
  await refused(list(), 'invalid-argument', 'tag')
})

test('what does not end', async () => {
  registry.on('/tags/', endlessBody(Buffer.alloc(65_536, 'a')))
  await refused(list(), 'data-loss', 'more than 4194304 bytes')
  registry.behave()
  registry.on('/tags/', page(['a'], '</v2/a/b/tags/list?again>; rel="next"'))
  await refused(list(), 'data-loss', 'more than 1000 pages')
  registry.on('/tags/', page([], '</v2/a/b/tags/list?again>; rel="next"'))
  await refused(list(), 'data-loss', 'empty page')
})

test('it does not go on elsewhere', async () => {
  for (const link of ['<http://127.0.0.1:1/x>; rel="next"', '<http://[x>; rel="next"']) {
    registry.on('/tags/', page(['a'], link))
    await refused(list(), 'data-loss', 'goes on at another place')
  }
})
