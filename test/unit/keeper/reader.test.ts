import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { FILE_HEADER } from '../../../runtime/keeper/layout.ts'
import type { Position } from '../../../runtime/keeper/position.ts'
import { type ReadOptions, readSpool, releaseBefore, type SpoolEvent } from '../../../runtime/keeper/reader.ts'
import { encodeFileHeader, encodeRecord, type Stream } from '../../../runtime/keeper/spool.ts'

const SHAPE = { limit: 8192, slots: 3, consumed: false } as const

type Written = readonly [stream: Stream, text: string, time?: bigint]

/** A spool folder with these files; the keeper of its run folder is gone. */
class Spool {
  readonly folder = mkdtempSync(join(tmpdir(), 'wherry-reader-'))

  write(sequence: bigint, records: readonly Written[], { tail = Buffer.alloc(0), id = 5n }: { tail?: Buffer; id?: bigint } = {}): void {
    const parts = records.map(([stream, text, time = sequence]) => encodeRecord({ time, stream, payload: Buffer.from(text) }))
    writeFileSync(join(this.folder, `log.${sequence % 3n}`), Buffer.concat([encodeFileHeader({ id, sequence, ...SHAPE }), ...parts, tail]))
  }

  async read(options: ReadOptions = {}): Promise<SpoolEvent[]> {
    const events: SpoolEvent[] = []
    for await (const event of readSpool({ run: join(this.folder, 'none'), spool: this.folder }, options)) events.push(event)
    return events
  }

  async text(options: ReadOptions = {}): Promise<string[]> {
    return (await this.read(options)).map((event) =>
      event.kind === 'gap' ? 'GAP' : `${event.stream === 'stdout' ? '' : '!'}${event.payload}`,
    )
  }
}

const withSpool = (use: (spool: Spool) => Promise<void>) => async (): Promise<void> => {
  const spool = new Spool()
  try {
    await use(spool)
  } finally {
    rmSync(spool.folder, { recursive: true })
  }
}

const threeFiles = (spool: Spool): void => {
  spool.write(4n, [
    ['stdout', 'a\nb\n'],
    ['stderr', 'e\n'],
    ['stdout', 'c'],
  ])
  spool.write(5n, [
    ['stdout', 'd\n'],
    ['stdout', 'f\ng\n', 50n],
  ])
  spool.write(6n, [
    ['stderr', 'h\n', 60n],
    ['stdout', 'i'],
  ])
}

test(
  'files are read in the order of their sequence, whichever slot they are in',
  withSpool(async (spool) => {
    threeFiles(spool)
    assert.deepEqual(await spool.text(), ['a\nb\n', '!e\n', 'c', 'd\n', 'f\ng\n', '!h\n', 'i'])
    assert.deepEqual(await spool.text({ follow: true, hold: true }), await spool.text(), 'following ends where the keeper is gone')
  }),
)

test(
  'reading goes on from every position, and nowhere else',
  withSpool(async (spool) => {
    threeFiles(spool)
    const events = await spool.read()
    for (const [index, event] of events.entries()) {
      assert.ok(event.kind === 'record')
      assert.deepEqual(await spool.read({ from: { position: event.position } }), events.slice(index + 1))
    }
  }),
)

test(
  'a position in a file that was replaced is a gap, and so is one of another spool or behind the end',
  withSpool(async (spool) => {
    threeFiles(spool)
    const all = await spool.text()
    const place = (position: Partial<Position>): Position => ({ id: 5n, sequence: 4n, offset: FILE_HEADER.size, ...position })
    assert.deepEqual(await spool.text({ from: { position: place({}) } }), all)
    assert.deepEqual(await spool.text({ from: { position: place({ sequence: 3n }) } }), ['GAP', ...all])
    assert.deepEqual(await spool.text({ from: { position: place({ id: 6n }) } }), ['GAP', ...all])
    assert.deepEqual(await spool.text({ from: { position: place({ sequence: 7n }) } }), ['GAP', ...all])
    assert.deepEqual(await spool.text({ from: { position: place({ sequence: 6n, offset: 9999 }) } }), ['GAP'])
  }),
)

test(
  'a file that is missing between two is a gap',
  withSpool(async (spool) => {
    spool.write(4n, [['stdout', 'a\n']])
    spool.write(6n, [['stdout', 'b\n']])
    assert.deepEqual(await spool.text(), ['a\n'], 'without the next one nobody knows of the one behind')
    spool.write(7n, [['stdout', 'c\n']])
    assert.deepEqual(await spool.text(), ['b\n', 'c\n'])
  }),
)

test(
  'what is torn at the end is read if the keeper is gone, byte for byte',
  withSpool(async (spool) => {
    const torn = Buffer.from(encodeRecord({ time: 9n, stream: 'stderr', payload: Buffer.from('torn') }))
    for (let length = 0; length < torn.length; length += 1) {
      spool.write(0n, [['stdout', 'whole\n']], { tail: torn.subarray(0, length) })
      const expected = length <= 16 ? ['whole\n'] : ['whole\n', `!${'torn'.slice(0, length - 16)}`]
      assert.deepEqual(await spool.text(), expected)
      assert.deepEqual(await spool.text({ follow: true }), expected)
    }
  }),
)

test(
  'what a power cut has left is not read',
  withSpool(async (spool) => {
    spool.write(0n, [['stdout', 'a\n']], { tail: Buffer.alloc(100) })
    assert.deepEqual(await spool.text({ follow: true }), ['a\n'])
    spool.write(1n, [['stdout', 'b\n']])
    assert.deepEqual(await spool.text(), ['a\n', 'b\n'])
  }),
)

test(
  'a record larger than what is read at once',
  withSpool(async (spool) => {
    const large = 'x'.repeat(65_520)
    spool.write(0n, [
      ['stdout', 'small'],
      ['stdout', large],
      ['stderr', large],
      ['stdout', 'small'],
    ])
    const lengths = (await spool.text()).map((text) => text.length)
    assert.deepEqual(lengths, [5, large.length, large.length + 1, 5])
  }),
)

test(
  'records since a time',
  withSpool(async (spool) => {
    threeFiles(spool)
    assert.deepEqual(await spool.text({ from: { since: 6n } }), ['f\ng\n', '!h\n', 'i'])
    assert.deepEqual(await spool.text({ from: { since: 61n } }), [])
    assert.deepEqual(await spool.text({ from: { since: 60n } }), ['!h\n'], 'each by its own time: clocks are set back')
  }),
)

test(
  'the last lines, by when they began',
  withSpool(async (spool) => {
    threeFiles(spool)
    // lines: a b e cd f g h i
    for (const [lines, expected] of [
      [0, []],
      [1, ['i']],
      [2, ['!h\n', 'i']],
      [3, ['g\n', '!h\n', 'i']],
      [4, ['f\ng\n', '!h\n', 'i']],
      [5, ['c', 'd\n', 'f\ng\n', '!h\n', 'i']],
      [6, ['!e\n', 'c', 'd\n', 'f\ng\n', '!h\n', 'i']],
      [7, ['b\n', '!e\n', 'c', 'd\n', 'f\ng\n', '!h\n', 'i']],
      [8, ['a\nb\n', '!e\n', 'c', 'd\n', 'f\ng\n', '!h\n', 'i']],
      [9, ['a\nb\n', '!e\n', 'c', 'd\n', 'f\ng\n', '!h\n', 'i']],
    ] as const)
      assert.deepEqual(await spool.text({ from: { tail: lines } }), expected, `${lines} lines`)
    assert.deepEqual(await spool.text({ from: 'end' }), [])
  }),
)

test(
  'lines of both streams that are written in turns',
  withSpool(async (spool) => {
    spool.write(0n, [
      ['stdout', 'o1 '],
      ['stderr', 'e1 '],
      ['stdout', 'still\no2 '],
      ['stderr', 'still\n'],
      ['stdout', 'still'],
    ])
    assert.deepEqual(await spool.text({ from: { tail: 2 } }), ['!e1 ', 'o2 ', '!still\n', 'still'])
    assert.deepEqual(await spool.text({ from: { tail: 1 } }), ['o2 ', 'still'])
  }),
)

test(
  'no spool is read as an empty one',
  withSpool(async (spool) => {
    assert.deepEqual(await spool.text(), [])
    assert.deepEqual(await spool.text({ from: 'end', follow: true }), [])
    assert.deepEqual(await spool.text({ from: { tail: 3 } }), [])
  }),
)

test(
  'an aborted reader ends without an error',
  withSpool(async (spool) => {
    threeFiles(spool)
    const abort = new AbortController()
    const seen: string[] = []
    for await (const event of readSpool({ run: spool.folder, spool: spool.folder }, { follow: true, signal: abort.signal })) {
      if (event.kind === 'record') seen.push(event.payload.toString())
      if (seen.length === 2) abort.abort()
    }
    assert.deepEqual(seen, ['a\nb\n', 'e\n'])
  }),
)

test(
  'what was consumed is removed',
  withSpool(async (spool) => {
    threeFiles(spool)
    releaseBefore(spool.folder, { id: 6n, sequence: 9n, offset: 0 })
    assert.equal(readdirSync(spool.folder).length, 3, 'not of another spool')
    releaseBefore(spool.folder, { id: 5n, sequence: 6n, offset: 40 })
    assert.deepEqual(readdirSync(spool.folder), ['log.0'])
  }),
)
