/** What a description of a root filesystem must be by itself. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkedRootfs, MOST_LOWERS } from '../../../runtime/rootfs/check.ts'
import type { RootfsDescription } from '../../../runtime/rootfs/types.ts'

const layers = (count: number): string[] => Array.from({ length: count }, (_, index) => `/layers/${index}`)

const GOOD: readonly RootfsDescription[] = [
  { lowers: ['/a'] },
  { lowers: layers(MOST_LOWERS), upper: '/c/upper', work: '/c/work/', volatile: true, size: 1 },
  { lowers: ['/a:b,c\\d'], upper: '/c//upper', work: '/c/work' },
]

const BAD: readonly (readonly [string, RootfsDescription, RegExp])[] = [
  ['no layers', { lowers: [] }, /rootfs\.lowers: must have at least one layer/],
  ['too many layers', { lowers: layers(MOST_LOWERS + 1) }, /501 layers: overlay takes at most 500; make an image of fewer layers/],
  ['a relative path', { lowers: ['/a', 'b'] }, /rootfs\.lowers\[1\]: must be an absolute path: "b"/],
  ['a NUL byte', { lowers: ['/a\0b'] }, /rootfs\.lowers\[0\]: has a NUL byte/],
  ['a layer twice', { lowers: ['/a', '/b', '/c/../a'] }, /rootfs\.lowers\[2\]: is the same folder as lowers\[0\]: \/c\/\.\.\/a/],
  ['upper without work', { lowers: ['/a'], upper: '/c/upper' }, /rootfs\.work: upper and work go together/],
  ['work without upper', { lowers: ['/a'], work: '/c/work' }, /rootfs\.upper: upper and work go together/],
  ['work elsewhere', { lowers: ['/a'], upper: '/c/upper', work: '/d/work' }, /rootfs\.work: must be a folder beside upper/],
  ['work is upper', { lowers: ['/a'], upper: '/c/x', work: '/c/x/' }, /rootfs\.work: must be a folder beside upper/],
  ['volatile without upper', { lowers: ['/a'], volatile: true }, /rootfs\.volatile: needs an upper folder/],
  ['a size without upper', { lowers: ['/a'], size: 5 }, /rootfs\.size: needs an upper folder/],
  ['a size of nothing', { lowers: ['/a'], upper: '/c/u', work: '/c/w', size: 0 }, /rootfs\.size: must be a number of bytes above 0: 0/],
]

test('descriptions that can be', () => {
  for (const description of GOOD) checkedRootfs(description)
})

test('paths lose what would have a link at their end followed', () => {
  assert.deepEqual(checkedRootfs({ lowers: ['/a/', '/b/.'], upper: '/c//upper/', work: '/c/work/', readonly: true }), {
    lowers: ['/a', '/b'],
    upper: '/c/upper',
    work: '/c/work',
    readonly: true,
  })
})

for (const [name, description, message] of BAD)
  test(`refused: ${name}`, () =>
    assert.throws(() => checkedRootfs(description), { name: 'WherryError', kind: 'invalid-argument', message }))
