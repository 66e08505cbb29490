import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { logPathOf } from '../../../../cri/logs/log-file.ts'
import { decodePlace, encodePlace, type Place, readPlace, writePlace } from '../../../../cri/logs/place.ts'

const PLACE: Place = {
  start: { id: 0xfedc_ba98_7654_3210n, sequence: 12n, offset: 4096 },
  derived: 7_000_000,
  file: { dev: 2_049n, ino: 18_446_744_073_709_551_615n },
  size: 5_000_000_000,
  done: false,
}

test('a place is read as it was written, over and over', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-place-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const path = join(folder, 'place')
  assert.equal(readPlace(path), undefined)
  for (const place of [PLACE, { ...PLACE, start: undefined }, { ...PLACE, done: true, derived: 0 }]) {
    writePlace(path, place)
    assert.deepEqual(readPlace(path), place)
  }
  assert.equal(statSync(path).mode & 0o7777, 0o600)
  writeFileSync(path, '')
  assert.equal(readPlace(path), undefined, 'the power failed before the disk had it')
})

test('what is no place is none', () => {
  const bytes = encodePlace(PLACE)
  assert.deepEqual(decodePlace(bytes), PLACE)
  for (let length = 0; length < bytes.length; length += 1) assert.equal(decodePlace(bytes.subarray(0, length)), undefined)
  assert.equal(decodePlace(Buffer.alloc(bytes.length)), undefined)
})

test('the log’s path is split where kubelet’s folder of the pod ends', () => {
  const at = (logPath: string, name: string) => logPathOf(logPath, { logPath: name })
  assert.deepEqual(at('/var/log/pods/p/c/0.log', 'c/0.log'), { folder: '/var/log/pods/p', name: 'c/0.log' })
  assert.deepEqual(at('/var/log/pods/p/c/0.log', './c//0.log'), { folder: '/var/log/pods/p', name: 'c/0.log' })
  assert.deepEqual(at('/var/log/pods/p/0.log', '0.log'), { folder: '/var/log/pods/p', name: '0.log' })
  // kubelet’s word counts, wherever it leads
  assert.deepEqual(at('/var/log/pods/0.log', '../0.log'), { folder: '/var/log/pods', name: '0.log' })
})
