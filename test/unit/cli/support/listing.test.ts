import assert from 'node:assert/strict'
import { test } from 'node:test'
import { formatList } from '../../../../cli/support/listing.ts'

const LISTING = { titles: { ID: 'IMAGE ID', Name: 'NAME', Size: 'SIZE' }, columns: ['Name', 'Size'] }
const ROWS = [
  { ID: 'abc', Name: 'one', Size: '7.8MB' },
  { ID: 'def', Name: 'a-longer-name', Size: '12kB' },
]

test('the usual table has columns of ten characters and three blanks', () => {
  assert.equal(formatList(ROWS, LISTING, undefined), 'NAME            SIZE\none             7.8MB\na-longer-name   12kB\n')
  assert.equal(formatList([], LISTING, 'table'), 'NAME      SIZE\n')
})

test('a table of a template has titles in the place of values, whatever is done with them', () => {
  assert.equal(
    formatList(ROWS, LISTING, 'table {{upper .Name}}\\t{{.ID}}'),
    'NAME            IMAGE ID\nONE             abc\nA-LONGER-NAME   def\n',
  )
})

test('json is an object per line, a template a text per line', () => {
  assert.equal(formatList(ROWS.slice(0, 1), LISTING, 'json'), '{"ID":"abc","Name":"one","Size":"7.8MB"}\n')
  assert.equal(formatList(ROWS, LISTING, '{{.ID}}\\t{{.Size}}'), 'abc\t7.8MB\ndef\t12kB\n')
  assert.equal(formatList(ROWS, LISTING, '{{"a\\tb"}}'), 'a\tb\na\tb\n')
  assert.throws(() => formatList(ROWS, LISTING, '{{.Nmae}}'), /there is no field \.Nmae: did you mean \.Name\?/)
})

test('what would move the cursor is written out in tables', () => {
  assert.equal(
    formatList([{ ID: '', Name: 'x\x1b[31my\u202e', Size: '' }], LISTING, 'table')
      .split('\n')[1]!
      .trim(),
    'x\\x1b[31my\\u202e',
  )
})
