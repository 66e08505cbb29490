import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { after, beforeEach, describe, test } from 'node:test'
import { Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'

describe('names of images', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry | undefined

  const fresh = async (): Promise<Wherry> => {
    await wherry?.close()
    wherry = new Wherry()
    images ??= await makeCliImages()
    writeLayout(wherry.path('layout'), { 'base:1': images.base, 'app:2': images.app })
    await wherry.ok('load', '-q', '-i', wherry.path('layout'))
    return wherry
  }
  let door: Wherry
  beforeEach(async () => {
    door = await fresh()
  })
  after(() => wherry?.close())

  const names = async (): Promise<string[]> =>
    (await door.ok('images', '--format', '{{.Repository}}:{{.Tag}}')).trim().split('\n').filter(Boolean).sort()
  const blobs = (): number => readdirSync(`${door.root}/blobs/sha256`).length

  test('tag gives names, by name and by the beginning of the id', async () => {
    await door.ok('tag', 'base:1', 'other', 'localhost:5000/team/base:x')
    await door.ok('image', 'tag', images.app.config.descriptor.digest.slice(7, 15), 'short:1')
    assert.deepEqual(await names(), ['app:2', 'base:1', 'localhost:5000/team/base:x', 'other:latest', 'short:1'])
    assert.match(await door.fails(['tag', 'nope', 'x']), /image nope is not in the store/)
    assert.match(await door.fails(['tag', 'base:1', 'X']), /lower case/)
    assert.match(await door.fails(['tag', 'base:1', `x@${images.base.document.digest}`]), /a name with a digest cannot be given/)
  })

  test('a name that another image had leaves that one without it', async () => {
    await door.ok('tag', 'app:2', 'base:1')
    assert.deepEqual(await names(), ['app:2', 'base:1', 'base:<none>'])
    assert.deepEqual((await door.ok('images', '-q', '-f', 'dangling=true', '--no-trunc')).trim(), images.base.config.descriptor.digest)
  })

  test('untag takes one name, or all, and the image stays', async () => {
    await door.ok('tag', 'base:1', 'base:2')
    assert.equal(await door.ok('untag', 'base:1', 'base:2'), 'Untagged: base:2\n')
    assert.equal(await door.ok('untag', 'base:1'), 'Untagged: base:1\n')
    assert.deepEqual((await names()).filter((name) => name.includes('<none>')).length, 1)
    assert.match(await door.fails(['untag', 'app:2', 'other']), /image app:2 is not called other:latest: it has app:2/)
  })

  test('rmi takes a name, then the image with what only it has', async () => {
    await door.ok('tag', 'app:2', 'app:3')
    assert.equal(await door.ok('rmi', 'app:3'), 'Untagged: app:3\n')
    const before = blobs()
    assert.equal(await door.ok('image', 'rm', 'app:2'), `Untagged: app:2\nDeleted: ${images.app.config.descriptor.digest}\n`)
    assert.equal(before - blobs(), 4, 'manifest, config and two layers; one is shared')
    assert.deepEqual(readdirSync(`${door.root}/layers/sha256`), [images.base.layers[0]!.diffID.slice(7)])
    assert.deepEqual(await names(), ['base:1'])
  })

  test('rmi of an id with several names wants --force', async () => {
    await door.ok('tag', 'base:1', 'base:2')
    const id = images.base.config.descriptor.digest.slice(7, 19)
    assert.match(await door.fails(['rmi', id]), /has 2 names: .*--force/)
    assert.equal(await door.ok('rmi', '-f', id), `Untagged: base:1\nUntagged: base:2\nDeleted: ${images.base.config.descriptor.digest}\n`)
  })

  test('rmi of several goes on after one that is not there; --force does not mind', async () => {
    const { status, stdout, stderr } = await door.run(['rmi', 'nope', 'base:1'])
    assert.equal(status, 1)
    assert.match(stdout, /^Untagged: base:1$/m)
    assert.match(stderr, /^wherry: image nope is not in the store/m)
    await door.ok('rmi', '-f', 'nope', 'app:2')
    assert.deepEqual(await names(), [])
  })

  test('rmi --no-prune keeps the data', async () => {
    const before = blobs()
    await door.ok('rmi', '--no-prune', 'app:2')
    assert.equal(blobs(), before)
    await door.ok('image', 'prune', '-f')
  })

  test('image prune takes what has no name, --all the rest, filters spare', async () => {
    await door.ok('untag', 'base:1')
    assert.match(await door.fails(['image', 'prune']), /nobody can be asked.*--force/)
    const pruned = await door.ok('image', 'prune', '--force')
    assert.match(
      pruned,
      new RegExp(`^Deleted Images:\nDeleted: ${images.base.config.descriptor.digest}\n\nTotal reclaimed space: [\\d.]+[kM]?B\n$`),
    )
    assert.deepEqual(await names(), ['app:2'])
    assert.match(await door.ok('image', 'prune', '-af', '--filter', 'label!=tier=app'), /^Total reclaimed space: 0B\n$/)
    assert.match(await door.ok('image', 'prune', '-af', '--filter', 'until=2020-01-01'), /^Total reclaimed space: 0B\n$/)
    assert.deepEqual(await names(), ['app:2'])
    assert.match(await door.ok('system', 'prune', '-af', '--filter', 'label=tier'), /Untagged: app:2/)
    assert.deepEqual(await names(), [])
    assert.equal(blobs(), 0)
  })
})
