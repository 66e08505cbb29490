import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { WherryError } from '../../../runtime/errors.ts'
import { listSpool, makeExitRoom, mend, openSpool } from '../../../runtime/keeper/files.ts'
import { FILE_HEADER } from '../../../runtime/keeper/layout.ts'
import { decodeRecord, encodeFileHeader, encodeRecord } from '../../../runtime/keeper/spool.ts'

const OPTIONS = { limit: 8192, slots: 3, consumed: false } as const
const header = (sequence: bigint) => encodeFileHeader({ id: 5n, sequence, ...OPTIONS })
const record = (text: string) => encodeRecord({ time: 1n, stream: 'stdout', payload: Buffer.from(text) })

const inFolder = (use: (folder: string) => void) => (): void => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-spool-'))
  try {
    use(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

test(
  'a new spool has one file with a header, only for its owner',
  inFolder((folder) => {
    const spool = openSpool(folder, OPTIONS)
    closeSync(spool.fd)
    assert.deepEqual([spool.sequence, spool.offset], [0n, FILE_HEADER.size])
    assert.deepEqual(readdirSync(folder), ['log.0'])
    assert.equal(statSync(join(folder, 'log.0')).mode & 0o777, 0o600)
    assert.deepEqual(listSpool(folder), [{ name: 'log.0', header: { id: spool.id, sequence: 0n, ...OPTIONS } }])
  }),
)

test(
  'an old spool is continued in its newest file; what an earlier run has left is removed',
  inFolder((folder) => {
    writeFileSync(join(folder, 'log.0'), Buffer.concat([header(3n), record('three')]))
    writeFileSync(join(folder, 'log.1'), Buffer.concat([header(4n), record('four')]))
    writeFileSync(join(folder, 'log.2'), header(2n))
    for (const name of ['exit', 'exit.next', 'next']) writeFileSync(join(folder, name), 'old')
    const spool = openSpool(folder, OPTIONS)
    closeSync(spool.fd)
    assert.deepEqual([spool.id, spool.sequence, spool.offset], [5n, 4n, FILE_HEADER.size + 20])
    assert.deepEqual(readdirSync(folder).sort(), ['log.0', 'log.1', 'log.2'])
  }),
)

test(
  'files that are none of a spool are passed over',
  inFolder((folder) => {
    writeFileSync(join(folder, 'log.0'), header(0n))
    writeFileSync(join(folder, 'log.1'), '')
    writeFileSync(join(folder, 'log.2'), 'something else that is longer than a header of a spool file')
    writeFileSync(join(folder, 'log.01'), header(9n))
    mkdirSync(join(folder, 'log.x'))
    assert.deepEqual(
      listSpool(folder).map(({ name }) => name),
      ['log.0'],
    )
  }),
)

test(
  'the shape of a spool cannot be changed',
  inFolder((folder) => {
    closeSync(openSpool(folder, OPTIONS).fd)
    const refused = (error: unknown) => error instanceof WherryError && error.kind === 'failed-precondition'
    assert.throws(() => openSpool(folder, { ...OPTIONS, slots: 4 }), refused)
    assert.throws(() => openSpool(folder, { ...OPTIONS, consumed: true }), refused)
    closeSync(openSpool(folder, { ...OPTIONS, limit: 16384 }).fd)
  }),
)

test(
  'what a spool cannot be is refused before anything is made',
  inFolder((folder) => {
    for (const wrong of [{ limit: 4095 }, { limit: 5000.5 }, { slots: 1 }, { slots: 1001 }, { slots: 2.5 }])
      assert.throws(
        () => openSpool(folder, { ...OPTIONS, ...wrong }),
        (error) => error instanceof WherryError && error.kind === 'invalid-argument',
      )
    assert.deepEqual(readdirSync(folder), [])
  }),
)

test(
  'a file that is torn anywhere is mended so that every byte of output stays',
  inFolder((folder) => {
    const path = join(folder, 'torn')
    const whole = Buffer.concat([header(0n), record('first')])
    const bytes = Buffer.concat([whole, record('second')])
    for (let length = whole.length; length <= bytes.length; length += 1) {
      writeFileSync(path, bytes.subarray(0, length))
      const fd = openSync(path, 'r+')
      const end = mend(fd)
      closeSync(fd)
      const mended = readFileSync(path)
      assert.equal(mended.length, end)
      const payload = Math.max(length - whole.length - 16, 0)
      assert.equal(end, whole.length + (payload === 0 ? 0 : 16 + payload))
      if (payload === 0) continue
      const decoded = decodeRecord(mended, whole.length)
      assert.ok(decoded.kind === 'record')
      assert.equal(decoded.record.payload.toString(), 'second'.slice(0, payload))
    }
  }),
)

test(
  'what a power cut has left behind the last record is cut off',
  inFolder((folder) => {
    const path = join(folder, 'cut')
    const whole = Buffer.concat([header(0n), record('first')])
    writeFileSync(path, Buffer.concat([whole, Buffer.alloc(5000)]))
    const fd = openSync(path, 'r+')
    assert.equal(mend(fd), whole.length)
    closeSync(fd)
    assert.deepEqual(readFileSync(path), whole)
  }),
)

test(
  'a large file is mended piece by piece',
  inFolder((folder) => {
    const path = join(folder, 'large')
    const records = Array.from({ length: 60 }, (_, index) =>
      encodeRecord({ time: 1n, stream: 'stdout', payload: Buffer.alloc(65_520 - index, index) }),
    )
    const whole = Buffer.concat([header(0n), ...records])
    writeFileSync(path, Buffer.concat([whole, record('torn').subarray(0, 9)]))
    const fd = openSync(path, 'r+')
    assert.equal(mend(fd), whole.length)
    closeSync(fd)
    assert.equal(statSync(path).size, whole.length)
  }),
)

test(
  'the room for the exit record is as large as the record',
  inFolder((folder) => {
    closeSync(makeExitRoom(folder))
    assert.equal(statSync(join(folder, 'exit.next')).size, 512)
  }),
)
