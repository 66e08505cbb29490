import assert from 'node:assert/strict'
import test from 'node:test'
import { Clock, Formatter, MOST_LINE, MOST_TEXT, Output } from '../../../../cri/logs/line.ts'
import type { Stream } from '../../../../runtime/keeper/spool.ts'
import { parseLog, shown } from '../../../support/cri/logs.ts'

interface Piece {
  readonly stream: Stream
  readonly payload: Buffer
  readonly time?: bigint
}

const format = (pieces: readonly Piece[], room = 4 * MOST_LINE): Buffer => {
  const formatter = new Formatter()
  const output = new Output(room)
  const parts: Buffer[] = []
  const take = (): void => {
    parts.push(Buffer.from(output.bytes.subarray(0, output.length)))
    output.length = 0
  }
  for (const { stream, payload, time = 1_700_000_000_000_000_001n } of pieces)
    for (let at = 0; at < payload.length; take()) at = formatter.add({ time, stream, payload }, at, output)
  while (!formatter.cut(output)) take()
  take()
  assert.equal(formatter.clean, true)
  return Buffer.concat(parts)
}

const tags = (payload: string): string[] =>
  parseLog(format([{ stream: 'stdout', payload: Buffer.from(payload) }])).map(({ tag, text }) => `${tag}${text.length}`)

test('a line is as containerd writes it', () => {
  const log = format([{ stream: 'stdout', payload: Buffer.from('hello\n\nworld\r\n') }]).toString()
  const head = '2023-11-14T22:13:20.000000001Z stdout F'
  assert.equal(log, `${head} hello\n${head} \n${head} world\r\n`)
})

test('a line longer than 16 KiB is cut, one of 16 KiB is not', () => {
  const most = 'x'.repeat(MOST_TEXT)
  assert.deepEqual(tags(`${most}\n`), [`F${MOST_TEXT}`])
  assert.deepEqual(tags(`${most}y\n`), [`P${MOST_TEXT}`, 'F1'])
  assert.deepEqual(tags(`${most}${most}\n`), [`P${MOST_TEXT}`, `F${MOST_TEXT}`])
  assert.deepEqual(tags(`${most}${most}${most}y`), [`P${MOST_TEXT}`, `P${MOST_TEXT}`, `P${MOST_TEXT}`, 'P1'])
})

test('what ends without a newline is partial, and nothing is nothing', () => {
  assert.deepEqual(tags('abc'), ['P3'])
  assert.deepEqual(tags('abc\n'), ['F3'])
  assert.deepEqual(tags(''), [])
})

test('lines of both streams that have begun do not mix', () => {
  const log = parseLog(
    format([
      { stream: 'stdout', payload: Buffer.from('out') },
      { stream: 'stderr', payload: Buffer.from('err') },
      { stream: 'stdout', payload: Buffer.from('put\nmore') },
      { stream: 'stderr', payload: Buffer.from('or\n') },
    ]),
  )
  assert.deepEqual(
    log.map(({ stream, tag, text }) => `${stream} ${tag} ${text}`),
    ['stdout F output', 'stderr F error', 'stdout P more'],
  )
})

test('the time is that of the record that ends the line; of what is cut, the last record’s', () => {
  const log = parseLog(
    format([
      { stream: 'stdout', payload: Buffer.from('a'), time: 1n },
      { stream: 'stdout', payload: Buffer.from('b\nc'), time: 2_000_000_003n },
      { stream: 'stderr', payload: Buffer.from('d\n'), time: 999_999_999_999n },
    ]),
  )
  assert.deepEqual(
    log.map(({ time, text }) => `${time} ${text}`),
    ['1970-01-01T00:00:02.000000003Z ab', '1970-01-01T00:16:39.999999999Z d', '1970-01-01T00:16:39.999999999Z c'],
  )
})

test('times do not go wrong between seconds', () => {
  const clock = new Clock()
  for (const time of [1_700_000_000_999_999_999n, 1_700_000_001_000_000_000n, 1_700_000_000_000_000_000n, 0n])
    assert.equal(
      clock.format(time),
      `${new Date(Number(time / 1_000_000_000n) * 1000).toISOString().slice(0, 19)}.${String(time % 1_000_000_000n).padStart(9, '0')}Z`,
    )
})

/** A generator that can be begun again: xorshift32. */
const generator = (seed: number): ((below: number) => number) => {
  let state = seed
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

/** Lines of all lengths, also those at which they are cut; bytes of all values. */
const output = (random: (below: number) => number): Buffer => {
  const parts: Buffer[] = []
  for (let count = random(12); count > 0; count -= 1) {
    const length = [random(4), random(200), MOST_TEXT - 2 + random(5), 2 * MOST_TEXT - 1 + random(3), random(50_000)][random(5)]!
    const line = Buffer.alloc(length)
    for (let at = 0; at < length; at += 1) line[at] = (random(256) + (at & 1)) & 0xff || 1
    parts.push(line.map((byte) => (byte === 0x0a ? 0x0b : byte)) as Buffer, Buffer.from('\n'.repeat(random(3))))
  }
  return Buffer.concat(parts)
}

test('however output is split, and however little room there is, the text is the same', () => {
  for (let seed = 1; seed <= 150; seed += 1) {
    const random = generator(seed * 7919)
    const payload = output(random)
    const whole = format([{ stream: 'stderr', payload }])
    const pieces: Piece[] = []
    for (let at = 0; at < payload.length; ) {
      const length = 1 + [random(3), random(100), random(15_344), random(65_520)][random(4)]!
      pieces.push({ stream: 'stderr', payload: payload.subarray(at, at + length) })
      at += length
    }
    assert.ok(format(pieces, MOST_LINE + random(3 * MOST_LINE)).equals(whole), `seed ${seed}`)
    const lines = parseLog(whole)
    const text = shown(lines, 'stderr')
    assert.ok(text === payload.toString('latin1'), `seed ${seed}: what is shown is what was written`)
    assert.ok(lines.every((line) => line.text.length <= MOST_TEXT))
  }
})

test('a short output is split at every byte', () => {
  const payload = Buffer.from('one\n\ntwo three\nfour')
  const whole = format([{ stream: 'stdout', payload }])
  for (let first = 0; first <= payload.length; first += 1)
    for (let second = first; second <= payload.length; second += 1) {
      const parts = [payload.subarray(0, first), payload.subarray(first, second), payload.subarray(second)]
      assert.ok(format(parts.map((part) => ({ stream: 'stdout', payload: part }))).equals(whole), `${first} ${second}`)
    }
})
