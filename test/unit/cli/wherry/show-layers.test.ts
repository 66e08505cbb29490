import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { LayerRow, LayersReport } from '../../../../image/inspect/report.ts'
import { parseDigest } from '../../../../image/digest.ts'
import { layerCommand } from '../../../../cli/support/layer-command.ts'
import { layersTable, layersText } from '../../../../cli/wherry/show-layers.ts'

const DIGEST = parseDigest(`sha256:${'0123456789abcdef'.repeat(4)}`)
const count = (files: number) => ({ files, folders: 0, bytes: 0 })

const row = (index: number, command: string, size: number, wasted = 0): LayerRow => ({
  index,
  digest: DIGEST,
  diffID: DIGEST,
  mediaType: '',
  compressed: Math.round(size / 2),
  command,
  size,
  added: count(521),
  changed: count(index),
  removed: count(0),
  wasted,
})

const LAYERS = [
  row(0, '/bin/sh -c #(nop) ADD file:37a76ec18f98 in / ', 7_800_000, 3_900_000),
  row(1, `RUN /bin/sh -c apt-get install ${'a-package '.repeat(20)}# buildkit`, 2_900_000),
]
const screen = (columns: number) => ({ terminal: true, columns, colour: false, unicode: true })

describe('the table of layers', () => {
  test('drops columns one after the other', () => {
    const titles = (columns: number): string => layersTable(LAYERS, screen(columns), false).split('\n')[0]!
    assert.equal(titles(100), '#  LAYER         PACKED   SIZE  ADDED  CHANGED  REMOVED  COMMAND')
    assert.equal(titles(60), '#  PACKED   SIZE  ADDED  CHANGED  REMOVED  COMMAND')
    assert.equal(titles(50), '#   SIZE  ADDED  CHANGED  REMOVED  COMMAND')
    assert.equal(titles(30), '#   SIZE  COMMAND')
  })

  test('is never wider than the terminal, down to a few columns', () => {
    for (let columns = 20; columns <= 200; columns++)
      for (const line of layersText(
        {
          name: 'x',
          id: DIGEST,
          digest: DIGEST,
          layers: LAYERS,
          compressed: 1,
          size: 10_700_000,
          visible: count(9),
          wasted: 3_900_000,
          efficiency: 0.73,
        } as LayersReport,
        screen(columns),
        false,
      )
        .split('\n\n')[0]!
        .split('\n'))
        assert.ok(line.length <= columns, `${columns}: ${line.length} ${line}`)
  })

  test('a layer’s bar is as long as it is large, with what is wasted light', () => {
    const [, first, second] = layersTable(LAYERS, screen(120), false).split('\n')
    const bar = (line: string): string => /[█░]+$/.exec(line)?.[0] ?? ''
    assert.equal(bar(first!).length, 24)
    assert.equal(bar(first!).replaceAll('█', '').length, 12)
    assert.equal(bar(second!), '█'.repeat(9))
  })

  test('--no-trunc has the whole command', () => {
    assert.match(layersTable(LAYERS, screen(60), true), /apt-get install (a-package ){20}/)
  })

  test('what would move the cursor is written out', () => {
    assert.match(layersTable([row(0, 'RUN x\x1b[2J', 1)], screen(80), true), /RUN x\\x1b\[2J/)
  })
})

test('commands are what people wrote', () => {
  for (const [created, shown] of [
    ['/bin/sh -c #(nop)  CMD ["sh"]', 'CMD ["sh"]'],
    ['/bin/sh -c apk add curl', 'RUN apk add curl'],
    ['RUN /bin/sh -c apk add curl # buildkit', 'RUN apk add curl'],
    ['|1 A=b /bin/sh -c make', 'RUN make'],
    ['COPY a b # buildkit', 'COPY a b'],
    ['/bin/bash -o pipefail -c x', '/bin/bash -o pipefail -c x'],
    ['', ''],
  ] as const)
    assert.equal(layerCommand(created), shown)
})
