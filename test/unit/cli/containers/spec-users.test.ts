/** Mappings of user namespaces, and ranges of ids for --userns auto. */
import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, test } from 'node:test'
import { computeMappings, keepId, type MapperFacts } from '../../../../cli/containers/spec/user-namespace.ts'
import { freeRange, takeRange } from '../../../../cli/containers/spec/user-ranges.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { requestOf } from '../../../support/requests.ts'

const ALL = 4_294_967_295
const own = (size: number) => ({ uid: [{ containerID: 0, hostID: 0, size }], gid: [{ containerID: 0, hostID: 0, size }] })
const ROOT: MapperFacts = {
  own: own(ALL),
  rootless: false,
  caller: { uid: 0, gid: 0 },
  range: (size = 65_536) => ({ first: 1_000_000, size }),
  mappingsOfContainer: () => own(7),
}
const mappings = (argv: readonly string[], facts: Partial<MapperFacts> = {}) =>
  computeMappings(requestOf(...argv).userns, { ...ROOT, ...facts })

test('maps nothing where nothing is wanted', () => {
  assert.equal(mappings([]), undefined)
})

test('maps a range of its own', () => {
  assert.deepEqual(mappings(['--userns', 'auto'])?.uid, [{ containerID: 0, hostID: 1_000_000, size: 65_536 }])
  assert.deepEqual(mappings(['--userns', 'auto:size=5'])?.gid, [{ containerID: 0, hostID: 1_000_000, size: 5 }])
})

test('keeps the id of who runs it', () => {
  assert.deepEqual(mappings(['--userns', 'keep-id']), own(ALL))
  const user = { own: own(65_537), rootless: true, caller: { uid: 1000, gid: 100 } }
  assert.deepEqual(mappings(['--userns', 'keep-id'], user), {
    uid: [
      { containerID: 0, hostID: 1, size: 1000 },
      { containerID: 1000, hostID: 0, size: 1 },
      { containerID: 1001, hostID: 1001, size: 64_536 },
    ],
    gid: [
      { containerID: 0, hostID: 1, size: 100 },
      { containerID: 100, hostID: 0, size: 1 },
      { containerID: 101, hostID: 101, size: 65_436 },
    ],
  })
  // beyond what there is to map
  assert.deepEqual(keepId(10, 5), [
    { containerID: 0, hostID: 1, size: 4 },
    { containerID: 10, hostID: 0, size: 1 },
  ])
})

test('does without the id of who runs it', () => {
  assert.deepEqual(mappings(['--userns', 'nomap'], { own: own(65_537), rootless: true })?.uid, [
    { containerID: 0, hostID: 1, size: 65_536 },
  ])
  assert.throws(
    () => mappings(['--userns', 'nomap']),
    (error) => error instanceof WherryError && /is for users other than root/.test(error.message),
  )
})

test('maps as it is told', () => {
  assert.deepEqual(mappings(['--uidmap', '0:5:6', '--gidmap', '0:7:8']), {
    uid: [{ containerID: 0, hostID: 5, size: 6 }],
    gid: [{ containerID: 0, hostID: 7, size: 8 }],
  })
})

test('finds the first gap that is large enough', () => {
  const pool = [{ first: 100, size: 100 }]
  assert.deepEqual(freeRange(10, [], pool), { first: 100, size: 10 })
  assert.deepEqual(freeRange(10, [{ first: 100, size: 10 }], pool), { first: 110, size: 10 })
  assert.deepEqual(
    freeRange(
      10,
      [
        { first: 120, size: 10 },
        { first: 100, size: 15 },
      ],
      pool,
    ),
    { first: 130, size: 10 },
  )
  assert.deepEqual(
    freeRange(
      5,
      [
        { first: 120, size: 10 },
        { first: 100, size: 15 },
      ],
      pool,
    ),
    { first: 115, size: 5 },
  )
  assert.equal(freeRange(101, [], pool), undefined)
  assert.deepEqual(freeRange(50, [{ first: 90, size: 100 }], [...pool, { first: 500, size: 50 }]), { first: 500, size: 50 })
})

const folder = mkdtempSync(`${tmpdir()}/wherry-test-ranges-`)
after(() => rmSync(folder, { recursive: true }))

test('gives each run a range, and takes it back when the run is over', () => {
  const home = { root: `${folder}/root`, runRoot: `${folder}/run` }
  const ids = ['a', 'b', 'c'].map((letter) => letter.repeat(64))
  const run = (id: string) => {
    mkdirSync(`${home.runRoot}/containers/${id}`, { recursive: true })
    writeFileSync(`${home.runRoot}/containers/${id}/run.json`, '{}')
  }
  for (const id of ids) run(id)
  const [first, second] = [takeRange(home, ids[0]!, 10), takeRange(home, ids[1]!, 20)]
  assert.deepEqual([second.first - first.first, second.size], [10, 20])
  assert.deepEqual(takeRange(home, ids[0]!, 10), first)
  rmSync(`${home.runRoot}/containers/${ids[0]}/run.json`)
  assert.deepEqual(takeRange(home, ids[2]!, 10), first)
  assert.deepEqual(readdirSync(`${home.runRoot}/user-ranges`).toSorted(), [String(first.first), String(second.first), 'lock'].toSorted())
  assert.ok(existsSync(`${home.runRoot}/user-ranges/lock`))
})
