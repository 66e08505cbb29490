import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { complete, type Offer } from '../../../../cli/wherry/complete.ts'
import { findVerb, groupsOf } from '../../../../cli/wherry/commands.ts'
import { VERBS } from '../../../../cli/wherry/verbs.ts'

const offer = (...words: string[]): Promise<Offer> => complete(words, VERBS, async (kind) => (kind === 'IMAGE' ? ['alpine:3.19'] : []))
const values = async (...words: string[]): Promise<string[]> => (await offer(...words)).candidates.map(({ value }) => value)

describe('completion', () => {
  test('verbs and groups, with what they do', async () => {
    const { candidates } = await offer('')
    assert.ok(candidates.some(({ value, description }) => value === 'pull' && description === 'get an image from a registry'))
    assert.ok(candidates.some(({ value }) => value === 'system'))
    assert.ok(!candidates.some(({ value }) => value.startsWith('__')))
    assert.ok((await values('system', '')).includes('check'))
    assert.deepEqual(await values('nonsense', ''), [])
  })

  test('flags, before the verb and behind it', async () => {
    assert.ok((await values('--')).includes('--root'))
    assert.ok((await values('--debug', 'pull', '-')).includes('--platform'))
    assert.ok(!(await values('pull', '--', '-')).includes('--platform'), 'behind -- there are none')
  })

  test('values of flags', async () => {
    assert.deepEqual(await values('--log-format', ''), ['text', 'json'])
    assert.deepEqual(await values('--log-format='), ['--log-format=text', '--log-format=json'])
    assert.equal((await offer('--root', '')).also, 'dirs')
    assert.equal((await offer('load', '--input', '')).also, 'files')
    assert.equal((await offer('load', '-i', '')).also, 'files')
    assert.deepEqual(await values('images', '--filter', ''), [])
    assert.deepEqual(await values('images', '--nope='), [])
  })

  test('operands by what they are', async () => {
    assert.deepEqual(await values('rmi', ''), ['alpine:3.19'])
    assert.deepEqual(await values('rmi', '-f', 'x', ''), ['alpine:3.19'])
    assert.deepEqual(await values('image', 'inspect', ''), ['alpine:3.19'])
    assert.deepEqual(await values('image', 'history', 'x', ''), [], 'it takes one')
    assert.deepEqual(await values('completion', ''), ['bash', 'zsh', 'fish'])
    assert.deepEqual(await values('version', ''), [])
  })
})

describe('finding verbs', () => {
  test('by all spellings', () => {
    for (const words of [['images'], ['image', 'ls'], ['image', 'list']]) assert.equal(findVerb(words, VERBS).kind, 'verb')
    const found = findVerb(['image', 'ls', '-q'], VERBS)
    assert.deepEqual(found.kind === 'verb' && found.rest, ['-q'])
    assert.equal(findVerb(['image'], VERBS).kind, 'group')
    assert.deepEqual([...groupsOf(VERBS)].sort(), ['container', 'image', 'network', 'system', 'volume'])
  })

  test('what is unknown names the nearest', () => {
    const found = findVerb(['image', 'lss'], VERBS)
    assert.match(found.kind === 'unknown' ? found.problem : '', /unknown command "image lss" \(did you mean ls\?\)/)
    for (const word of ['constructor', '__proto__', '']) assert.equal(findVerb([word], VERBS).kind, 'unknown')
  })
})
