import assert from 'node:assert/strict'
import test from 'node:test'
import { FILE_HEADER, MAX_PAYLOAD, RECORD } from '../../../runtime/keeper/layout.ts'
import { decodeFileHeader, decodeRecord, encodeFileHeader, encodeRecord } from '../../../runtime/keeper/spool.ts'

const HEADER = { id: 0x0123456789abcdefn, sequence: 12n, slots: 3, consumed: true, limit: 10_485_760 }

test('the bytes of a file header are those of the document', () => {
  const bytes = Buffer.from(encodeFileHeader(HEADER))
  assert.equal(bytes.toString('hex'), '574853504f4f4c01efcdab89674523010c00000000000000' + '0300000001000000' + '0000a00000000000')
  assert.deepEqual(decodeFileHeader(bytes), HEADER)
  assert.deepEqual(decodeFileHeader(Buffer.concat([bytes, Buffer.from('more')])), HEADER)
})

test('what is no file header of this version is none', () => {
  const bytes = Buffer.from(encodeFileHeader(HEADER))
  for (let length = 0; length < FILE_HEADER.size; length += 1) assert.equal(decodeFileHeader(bytes.subarray(0, length)), undefined)
  const newer = Buffer.from(bytes)
  newer[7] = 2
  assert.equal(decodeFileHeader(newer), undefined)
  assert.equal(decodeFileHeader(Buffer.alloc(100)), undefined)
})

const RECORDED = { time: 1_795_183_854_132_251_200n, stream: 'stderr', payload: Buffer.from('hello\n') } as const

test('the bytes of a record are those of the document', () => {
  const bytes = Buffer.from(encodeRecord(RECORDED))
  assert.equal(bytes.toString('hex'), '06000000' + '02' + '00' + '5752' + '40ca113c34c6e918' + '68656c6c6f0a')
  assert.deepEqual(decodeRecord(bytes, 0), { kind: 'record', record: RECORDED, end: bytes.length })
})

test('records follow each other, and the last may be torn anywhere', () => {
  const first = encodeRecord({ ...RECORDED, stream: 'stdout' })
  const bytes = Buffer.concat([first, encodeRecord(RECORDED)])
  for (let length = first.length; length < bytes.length; length += 1) {
    const cut = bytes.subarray(0, length)
    assert.equal(decodeRecord(cut, 0).kind, 'record')
    assert.deepEqual(decodeRecord(cut, first.length), { kind: 'torn', header: length - first.length >= RECORD.size })
  }
  assert.equal(decodeRecord(bytes, first.length).kind, 'record')
})

test('what no keeper has written is told from what is torn', () => {
  const bytes = Buffer.from(encodeRecord(RECORDED))
  for (const [offset, value] of [
    [RECORD.magic, 0],
    [RECORD.stream, 3],
    [RECORD.stream, 0],
    [RECORD.length + 3, 1],
  ] as const) {
    const changed = Buffer.from(bytes)
    changed[offset] = value
    assert.equal(decodeRecord(changed, 0).kind, 'alien')
  }
  assert.equal(decodeRecord(Buffer.alloc(64), 0).kind, 'alien', 'zeros that a power cut has left')
})

test('a record holds 1 to 65520 bytes', () => {
  assert.equal(MAX_PAYLOAD, 65520)
  assert.throws(() => encodeRecord({ ...RECORDED, payload: Buffer.alloc(0) }), /1 to 65520 bytes, not 0/)
  assert.throws(() => encodeRecord({ ...RECORDED, payload: Buffer.alloc(MAX_PAYLOAD + 1) }), RangeError)
  const largest = Buffer.from(encodeRecord({ ...RECORDED, payload: Buffer.alloc(MAX_PAYLOAD, 1) }))
  assert.equal(decodeRecord(largest, 0).kind, 'record')
})
