import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { cells, Wherry } from '../../support/cli.ts'
import { type CliImages, makeCliImages } from '../../support/cli-images.ts'
import { writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'

const short = (digest: string): string => digest.slice(7, 19)

describe('wherry images', { skip: requires('root') }, () => {
  let images: CliImages
  let wherry: Wherry

  before(async () => {
    images = await makeCliImages()
    wherry = new Wherry()
    writeLayout(wherry.path('layout'), { 'base:1': images.base, 'registry.example/team/app:2': images.app })
    await wherry.ok('load', '-q', '-i', wherry.path('layout'))
    await wherry.ok('tag', 'base:1', 'base:again')
  })
  after(() => wherry.close())

  test('has docker’s columns, newest first', async () => {
    const [titles, ...rows] = cells(await wherry.ok('images'))
    assert.deepEqual(titles, ['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'])
    assert.deepEqual(rows[0]!.slice(0, 3), ['registry.example/team/app', '2', short(images.app.config.descriptor.digest)])
    assert.deepEqual(rows[0]![4], '580kB')
    assert.match(rows[0]![3]!, /^\d+ (months|years) ago$/)
    assert.deepEqual(
      rows
        .slice(1)
        .map(([repository, tag]) => `${repository}:${tag}`)
        .sort(),
      ['base:1', 'base:again'],
    )
    for (const alias of [
      ['image', 'ls'],
      ['image', 'list'],
    ])
      assert.deepEqual(cells(await wherry.ok(...alias))[0], titles)
  })

  test('--digests, --no-trunc', async () => {
    const [titles, row] = cells(await wherry.ok('images', '--digests', '--no-trunc', 'registry.example/team/app'))
    assert.deepEqual(titles, ['REPOSITORY', 'TAG', 'DIGEST', 'IMAGE ID', 'CREATED', 'SIZE'])
    assert.deepEqual(row!.slice(2, 4), [images.app.document.digest, images.app.config.descriptor.digest])
  })

  test('-q, -a', async () => {
    const listed = (await wherry.ok('images', '-aq')).trim().split('\n')
    assert.deepEqual(
      listed,
      [images.app, images.base, images.base].map(({ config }) => short(config.descriptor.digest)),
    )
  })

  test('a repository, a tag, a pattern', async () => {
    const names = async (...argv: string[]): Promise<string[]> =>
      (await wherry.ok('images', '--format', '{{.Repository}}:{{.Tag}}', ...argv)).trim().split('\n').filter(Boolean).sort()
    assert.deepEqual(await names('base'), ['base:1', 'base:again'])
    assert.deepEqual(await names('base:again'), ['base:again'])
    assert.deepEqual(await names('b*'), ['base:1', 'base:again'])
    assert.deepEqual(await names('*/*/app'), ['registry.example/team/app:2'])
    assert.deepEqual(await names('nope'), [])
  })

  test('filters', async () => {
    const found = async (...filters: string[]): Promise<string[]> =>
      (await wherry.ok('images', '--format', '{{.Repository}}:{{.Tag}}', ...filters.flatMap((filter) => ['--filter', filter])))
        .trim()
        .split('\n')
        .filter(Boolean)
        .sort()
    assert.deepEqual(await found('label=tier=app'), ['registry.example/team/app:2'])
    assert.deepEqual(await found('label=tier'), ['base:1', 'base:again', 'registry.example/team/app:2'])
    assert.deepEqual(await found('label=tier', 'label=org.x'), ['registry.example/team/app:2'])
    assert.deepEqual(await found('label=nope'), [])
    assert.deepEqual(await found('dangling=true'), [])
    assert.deepEqual((await found('dangling=false')).length, 3)
    assert.deepEqual(await found('before=registry.example/team/app:2'), ['base:1', 'base:again'])
    assert.deepEqual(await found('since=base:1'), ['registry.example/team/app:2'])
    assert.deepEqual(await found('until=2024-02-01T00:00:00Z'), ['base:1', 'base:again'])
    assert.deepEqual(await found('reference=base*', 'reference=*/*/*'), ['base:1', 'base:again', 'registry.example/team/app:2'])
    assert.match(await wherry.fails(['images', '-f', 'dangeling=true']), /there is no filter "dangeling": did you mean dangling\?/)
    assert.match(await wherry.fails(['images', '-f', 'dangling=maybe']), /true or false is wanted/)
    assert.match(await wherry.fails(['images', '-f', 'since=nope']), /image nope is not in the store/)
  })

  test('--format json is docker’s object per line', async () => {
    const rows = (await wherry.ok('images', '--format', 'json'))
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, string>)
    assert.deepEqual(Object.keys(rows[0]!), [
      'Containers',
      'CreatedAt',
      'CreatedSince',
      'Digest',
      'ID',
      'Repository',
      'SharedSize',
      'Size',
      'Tag',
      'UniqueSize',
      'VirtualSize',
    ])
    assert.equal(rows[0]!['CreatedAt'], '2024-03-01 00:00:00 +0000 UTC')
  })

  test('--format table TEMPLATE, and a wrong one', async () => {
    const [titles, row] = cells(await wherry.ok('images', '--format', 'table {{.ID}}\\t{{.Repository}}:{{.Tag}}', 'base:1'))
    assert.deepEqual(titles, ['IMAGE ID', 'REPOSITORY:TAG'])
    assert.deepEqual(row, [short(images.base.config.descriptor.digest), 'base:1'])
    assert.match(
      await wherry.fails(['images', '--format', '{{.Repo}}']),
      /template 1:3: there is no field \.Repo.*\n {2}\{\{\.Repo\}\}\n {4}\^$/m,
    )
  })

  test('a damaged image does not hide the others', async () => {
    const { digest } = images.base.config.descriptor
    const { writeFileSync } = await import('node:fs')
    const path = `${wherry.root}/blobs/sha256/${digest.slice(7)}`
    writeFileSync(path, 'rubbish')
    try {
      assert.match(await wherry.ok('images'), /registry\.example\/team\/app.*580kB/)
    } finally {
      writeFileSync(path, images.base.config.bytes)
    }
  })
})
