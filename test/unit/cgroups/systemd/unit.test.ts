import assert from 'node:assert/strict'
import { test } from 'node:test'
import { slicePath, unitName } from '../../../../runtime/cgroups/systemd/unit.ts'

test('slice:prefix:name', () => {
  assert.deepEqual(unitName('id', 'machine.slice:libpod:abc', false), { slice: 'machine.slice', unit: 'libpod-abc.scope' })
  assert.deepEqual(unitName('id', '::abc', false), { slice: 'system.slice', unit: 'abc.scope' })
  assert.deepEqual(unitName('id', undefined, false), { slice: 'system.slice', unit: 'wherry-id.scope' })
  assert.deepEqual(unitName('id', '', true), { slice: 'user.slice', unit: 'wherry-id.scope' })
})

test('characters that no unit name may have are escaped', () => {
  assert.equal(unitName('a+b ü/', undefined, false).unit, 'wherry-a\\x2bb\\x20\\xc3\\xbc\\x2f.scope')
})

test('other forms are refused by the name of the field', () => {
  for (const [path, message] of [
    ['/a/b', /expected cgroupsPath to be of format "slice:prefix:name" for systemd cgroups, got "\/a\/b" instead/],
    ['a.slice:b', /expected cgroupsPath/],
    ['a:b:c:d', /expected cgroupsPath/],
    ['a.slice:b:', /expected cgroupsPath/],
    ['a:b:c', /invalid slice name: "a"/],
    ['../a.slice:b:c', /invalid slice name/],
    ['a.slice:b:c.slice', /c\.slice is a slice/],
    [`a.slice:b:${'x'.repeat(255)}`, /255 are allowed/],
  ] as const)
    assert.throws(() => unitName('id', path, false), { path: 'linux.cgroupsPath', message }, path)
})

test('a slice is in those its name starts with', () => {
  assert.equal(slicePath('-.slice'), '/')
  assert.equal(slicePath('a.slice'), '/a.slice')
  assert.equal(slicePath('test-a-b.slice'), '/test.slice/test-a.slice/test-a-b.slice')
  for (const slice of ['.slice', 'a--b.slice', '-a.slice', 'a-.slice', 'a', 'a/b.slice', ''])
    assert.throws(() => slicePath(slice), /invalid slice name/, slice)
})
