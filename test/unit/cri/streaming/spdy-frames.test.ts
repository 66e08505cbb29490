import assert from 'node:assert/strict'
import { test } from 'node:test'
import { constants, inflateSync } from 'node:zlib'
import { DICTIONARY } from '../../../../cri/streaming/spdy/dictionary.ts'
import { HEADER_SIZE, replyFrame } from '../../../../cri/streaming/spdy/frames.ts'

/** The id of the stream stands before the block. */
const block = (frame: Buffer): Buffer => frame.subarray(HEADER_SIZE + 4)

test('replies are one zlib stream of header blocks without pairs', () => {
  const stream = Buffer.concat([block(replyFrame(1, true)), block(replyFrame(3, false)), block(replyFrame(5, false))])
  assert.deepEqual(inflateSync(stream, { dictionary: DICTIONARY, finishFlush: constants.Z_SYNC_FLUSH }), Buffer.alloc(3 * 4))
})

test('each reply ends with the empty block of a flush, before which Go’s decompressor gives out nothing', () => {
  for (const first of [true, false])
    assert.deepEqual(block(replyFrame(1, first)).subarray(-5), Buffer.from([0, 0, 0, 0xff, 0xff]), first ? 'the first' : 'a later one')
})
