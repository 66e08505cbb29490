import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { KeptFile, keptOpen } from '../../../../cri/stats/kept-file.ts'

test('a file is read anew each time, and is open until it rests', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'a')
  writeFileSync(path, '1\n')
  const file = new KeptFile(path)
  assert.equal(file.read(), '1\n')
  assert.equal(keptOpen(), 1)
  writeFileSync(path, '2\n')
  assert.equal(file.read(), '2\n')
  file.rest()
  assert.equal(keptOpen(), 1, 'it was read since the last look')
  file.rest()
  assert.equal(keptOpen(), 0)
  assert.equal(file.read(), '2\n')
  file.close()
  assert.equal(keptOpen(), 0)
})

test('lists are read to their end', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const text = Array.from({ length: 20_000 }, (_, i) => `${i}\n`).join('')
  writeFileSync(join(folder, 'a'), text)
  const file = new KeptFile(join(folder, 'a'))
  assert.equal(file.read(), text)
  file.close()
})

test('what is not there is undefined, and may come', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-test-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const file = new KeptFile(join(folder, 'a'))
  assert.equal(file.read(), undefined)
  writeFileSync(join(folder, 'a'), 'x')
  assert.equal(file.read(), 'x')
  file.close()
})
