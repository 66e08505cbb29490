import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { afterEach, beforeEach, test } from 'node:test'
import { applyWrites, undoKeyed, type Write } from '../../../runtime/cgroups/writes.ts'

let dir: string

beforeEach(() => {
  dir = mkdtempSync(`${tmpdir()}/wherry-writes-`)
})

afterEach(() => {
  rmSync(dir, { recursive: true })
})

const file = (name: string, content: string): void => writeFileSync(`${dir}/${name}`, content)
const content = (name: string): string => readFileSync(`${dir}/${name}`, 'utf8')
const write = (name: string, value: string, more: Partial<Write> = {}): Write => ({ dir, file: name, value, field: name, ...more })

test('writes in order', () => {
  file('a', '1')
  file('b', '1')
  applyWrites([write('a', '2'), write('b', '3')], { restore: false })
  assert.equal(content('a') + content('b'), '23')
})

test('a file that is not there: an error, nothing, or another file', () => {
  file('other', 'x')
  assert.throws(() => applyWrites([write('none', '2')], { restore: false }), {
    name: 'SyscallError',
    code: 'ENOENT',
    message: `linux.resources.none: write ${dir}/none "2": ENOENT (this kernel has no such file)`,
  })
  applyWrites([write('none', '2', { optional: true })], { restore: false })
  applyWrites([write('none', '2', { otherwise: write('other', '5') })], { restore: false })
  assert.equal(content('other'), '5')
})

test('a missing file of v2 is explained by the controllers that are enabled', () => {
  file('cgroup.controllers', 'cpu pids')
  assert.throws(
    () => applyWrites([write('memory.max', '1')], { restore: false }),
    /the memory controller is not enabled in .*: it is disabled, not delegated/,
  )
})

test('what was written is brought back when a later write fails', () => {
  file('a', 'old\n')
  file('io.max', '8:0 rbps=1 wbps=max riops=max wiops=max\n8:16 rbps=7 wbps=max riops=max wiops=max\n')
  const writes = [
    write('a', 'new'),
    write('io.max', '8:16 rbps=9', { undo: undoKeyed('8:16', '8:16 rbps=max wbps=max riops=max wiops=max') }),
    write('none', '1'),
  ]
  assert.throws(() => applyWrites(writes, { restore: true }), { code: 'ENOENT' })
  assert.match(content('a'), /^old/)
  assert.match(content('io.max'), /^8:16 rbps=7 wbps=max riops=max wiops=max/)
})

test('the caller can undo later, too', () => {
  file('a', 'old')
  const undo = applyWrites([write('a', 'new')], { restore: true })
  assert.equal(content('a'), 'new')
  assert.throws(() => undo(new Error('why')), /^Error: why$/)
  assert.equal(content('a'), 'old')
})

test('an undo that fails is told beside the error', () => {
  file('a', 'old')
  const undo = applyWrites([write('a', 'new')], { restore: true })
  rmSync(`${dir}/a`)
  assert.throws(() => undo(new Error('why')), /^Error: why; what was set before could not all be brought back: .*a "old": ENOENT/)
})

test('undoKeyed finds the line of its key only', () => {
  const undo = undoKeyed('8:1', '8:1 0')
  assert.equal(undo('8:16 5\n8:1 7\n'), '8:1 7')
  assert.equal(undo('8:16 5\n'), '8:1 0')
})

test('a refusal names file, value, errno and what to do', { skip: process.getuid!() === 0 ? 'root may write anything' : false }, () => {
  file('pids.max', '1')
  chmodSync(`${dir}/pids.max`, 0o444)
  assert.throws(
    () => applyWrites([write('pids.max', '5')], { restore: false }),
    /write .*pids\.max "5": EACCES \(not permitted here: run as root/,
  )
})

test('EINVAL for the order is tried again at the end', () => {
  // A file in /proc that takes numbers only stands in for one that depends on another.
  symlinkSync('/proc/self/oom_score_adj', `${dir}/late`)
  file('quota', '')
  let error: unknown
  try {
    applyWrites([write('late', 'no number', { again: true }), write('quota', '5')], { restore: false })
  } catch (caught) {
    error = caught
  }
  assert.equal((error as { code: string }).code, 'EINVAL')
  assert.equal(content('quota'), '5', 'the others came first')
})
