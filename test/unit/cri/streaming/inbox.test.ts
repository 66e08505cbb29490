import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Inbox } from '../../../../cri/streaming/inbox.ts'

const read = async (inbox: Inbox): Promise<string> => {
  let text = ''
  for await (const bytes of inbox) text += Buffer.from(bytes).toString()
  return text
}

test('what was pushed is read, in order, to the end', async () => {
  const inbox = new Inbox()
  inbox.push(Buffer.from('a'))
  const text = read(inbox)
  await new Promise((resolve) => setImmediate(resolve))
  inbox.push(Buffer.from('b'))
  inbox.push(Buffer.alloc(0))
  inbox.push(Buffer.from('c'))
  inbox.end()
  inbox.push(Buffer.from('late'))
  assert.equal(await text, 'abc')
})

test('a full one is to be waited for: until it is read, ended or dropped', async () => {
  for (const how of ['read', 'end', 'drop'] as const) {
    const inbox = new Inbox()
    assert.equal(inbox.push(Buffer.alloc(1000)), undefined)
    const [one, two] = [inbox.push(Buffer.alloc(256 * 1024)), inbox.push(Buffer.alloc(1))]
    assert.ok(one instanceof Promise && two instanceof Promise)
    if (how === 'end') inbox.end()
    else if (how === 'drop') inbox.drop()
    else void read(inbox)
    await Promise.all([one, two])
    inbox.end()
  }
})

test('what nobody reads any more is dropped', async () => {
  const inbox = new Inbox()
  inbox.push(Buffer.from('one'))
  inbox.push(Buffer.from('two'))
  for await (const _ of inbox) break
  assert.equal(inbox.push(Buffer.alloc(1 << 20)), undefined)
  assert.equal(await read(inbox), '')
})
