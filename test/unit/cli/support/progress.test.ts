import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { frame } from '../../../../cli/support/progress/frame.ts'
import { plainProgress, terminalProgress } from '../../../../cli/support/progress/progress.ts'
import { progressLine, type ProgressRow } from '../../../../cli/support/progress/row.ts'
import { Speed } from '../../../../cli/support/progress/speed.ts'

const ROW: ProgressRow = { label: '0123456789ab', state: 'downloading', phase: 'active', done: 12_300_000, total: 45_600_000 }
const look = (columns: number, lines = 24) => ({ columns, lines, colour: false, unicode: true })
const visible = (text: string): string => text.replace(/\x1b\[[\d;?]*[A-Za-z]/g, '')

describe('a line of progress', () => {
  test('has bar, bytes and speed where there is room', () => {
    assert.equal(
      progressLine(ROW, 8_100_000, 12, look(100)),
      '0123456789ab downloading  ━━━━━━━━━━━─────────────────────────────    12.3MB/45.6MB    8.1MB/s',
    )
  })

  test('is never wider than the terminal, and leaves out the least first', () => {
    for (let columns = 0; columns <= 130; columns++) {
      const line = progressLine(ROW, 8_100_000, 12, look(columns))
      assert.ok(line.length <= columns, `${columns}: ${line}`)
    }
    assert.equal(progressLine(ROW, 8_100_000, 12, look(50)), '0123456789ab downloading  12.3MB/45.6MB  8.1MB/s')
    assert.equal(progressLine(ROW, 8_100_000, 12, look(45)), '0123456789ab downloading  12.3MB/45.6MB')
    assert.equal(progressLine(ROW, 8_100_000, 12, look(30)), '0123456789ab downloading  26%')
    assert.equal(progressLine(ROW, 8_100_000, 12, look(10)), '012345678…')
  })

  test('colour adds nothing to its width', () => {
    const line = progressLine(ROW, undefined, 12, { ...look(80), colour: true })
    assert.match(line, /\x1b\[36mdownloading/)
    assert.equal(visible(line), progressLine(ROW, undefined, 12, look(80)))
    assert.match(progressLine(ROW, undefined, 12, { ...look(80), unicode: false }), /=+>?-+/)
  })
})

describe('a frame', () => {
  const rows = (count: number): ProgressRow[] =>
    Array.from({ length: count }, (_, index) => ({
      ...ROW,
      label: `layer ${String(index).padStart(2, '0')}`,
      phase: index < 5 ? 'done' : index < 8 ? 'active' : 'waiting',
    }))

  test('shows all where there are lines enough', () => assert.equal(frame(rows(12), look(80, 24)).length, 12))

  test('shows those that move where there are not, and counts the others', () => {
    const lines = frame(rows(120), look(80, 10))
    assert.equal(lines.length, 8)
    for (const label of ['05', '06', '07', '08'])
      assert.ok(
        lines.some((line) => line.startsWith(`layer ${label}`)),
        label,
      )
    assert.equal(lines.at(-1), '… 108 waiting, 5 done')
    assert.equal(frame(rows(120), look(80, 1)).length, 1)
  })
})

describe('progress', () => {
  test('on a terminal goes back over what it has drawn, whatever the width is by then', () => {
    let written = ''
    let columns = 80
    const progress = terminalProgress({ write: (text) => (written += text), look: () => look(columns) })
    progress.set('a', ROW)
    progress.set('b', { ...ROW, label: 'other' })
    progress.note('said above')
    assert.match(written, /\x1b\[1A\r\x1b\[Jsaid above\n.*downloading[\s\S]*other/)
    written = ''
    columns = 20 // each line takes four by now
    progress.note('said again')
    assert.match(written, /^\x1b\[\?7l\x1b\[\d+A\r\x1b\[Jsaid again\n/)
    assert.ok(Number(/\x1b\[(\d+)A/.exec(written)![1]) >= 6, written)
    assert.match(written, /\x1b\[\?7h$/, 'wrapping is as it was')
    progress.end()
    written = ''
    progress.note('said below')
    assert.equal(written, 'said below\n')
  })

  test('elsewhere says each state once, and nothing of waiting', () => {
    const lines: string[] = []
    const progress = plainProgress((line) => lines.push(line))
    progress.set('a', { ...ROW, state: 'waiting', phase: 'waiting' })
    for (let done = 0; done < 5; done++) progress.set('a', { ...ROW, done })
    progress.set('a', { ...ROW, state: 'done', phase: 'done' })
    progress.note('Digest: x')
    progress.end()
    assert.deepEqual(lines, ['0123456789ab: downloading\n', '0123456789ab: done\n', 'Digest: x\n'])
  })

  test('speed is that of the last seconds', () => {
    const speed = new Speed()
    for (let second = 0; second <= 10; second++) speed.add(second < 5 ? second * 1_000_000 : 5_000_000 + (second - 5) * 100, second * 1000)
    assert.ok(speed.at(5_000_500, 10_000)! < 1000)
    speed.add(10, 11_000)
    assert.equal(speed.at(10, 11_050), undefined, 'it has begun again')
  })
})
