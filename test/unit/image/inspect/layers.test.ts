/** What layers do to each other. Layers are told as lines: `+path size` file, `+path/` folder, `-path` whiteout, `!path` opaque, `=path target` hard link. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DIRECTORY, FILE, SYMLINK } from '../../../../image/inspect/entry.ts'
import { filesOf } from '../../../../image/inspect/files.ts'
import { LayerTree } from '../../../../image/inspect/layer-tree.ts'
import { summarise } from '../../../../image/inspect/summary.ts'
import { touches } from '../../../../image/inspect/touches.ts'
import { wasted } from '../../../../image/inspect/wasted.ts'

const folder = { kind: DIRECTORY, mode: 0o755, uid: 0, gid: 0, mtime: 1, size: 0 }

const treeOf = (...layers: readonly string[]): LayerTree => {
  const tree = new LayerTree()
  layers.forEach((lines, layer) => {
    for (const line of lines.split(/\s*;\s*/).filter((one) => one !== '')) {
      const [path, value = '0', mode = '644', mtime = '1'] = line.slice(1).split(' ') as [string, ...string[]]
      if (line[0] === '-') tree.whiteout(path, layer)
      else if (line[0] === '!') tree.opaque(path, layer)
      else if (line[0] === '=') tree.addHardLink(path, layer, value)
      else if (line[0] === '>') tree.add(path, layer, { ...folder, kind: SYMLINK, mode: 0o777, target: value })
      else if (path.endsWith('/'))
        tree.add(path.slice(0, -1), layer, { ...folder, mode: value === '0' ? 0o755 : Number.parseInt(value, 8) })
      else
        tree.add(path, layer, {
          kind: FILE,
          mode: Number.parseInt(mode, 8),
          uid: 0,
          gid: 0,
          mtime: Number(mtime),
          size: Number(value),
        })
    }
  })
  return tree
}

const markers = (tree: LayerTree, layer: number): string[] =>
  [...filesOf(tree, layer)].filter(({ path }) => path !== '').map(({ marker, path }) => `${marker}${path}`)

test('added, changed and removed files count with their bytes', () => {
  const { layers, visible, size, wasted: waste } = summarise(treeOf('+a 10;+d/;+d/b 20;+d/c 30', '+a 11;-d/b', '-d;+e 5'), 3)
  assert.deepEqual(layers[0]!.added, { files: 3, folders: 2, bytes: 60 })
  assert.deepEqual(layers[1], {
    size: 11,
    added: { files: 0, folders: 0, bytes: 0 },
    changed: { files: 1, folders: 0, bytes: 11 },
    removed: { files: 1, folders: 0, bytes: 20 },
    wasted: 0,
  })
  assert.deepEqual(layers[2]!.removed, { files: 1, folders: 1, bytes: 30 })
  assert.deepEqual(visible, { files: 2, folders: 1, bytes: 16 })
  assert.equal(size, 76)
  assert.equal(waste, 60)
})

test('the feeding order of layers does not matter', () => {
  const forwards = treeOf('+a 10;+d/b 20', '!d;+d/x 1', '+a 12')
  const backwards = new LayerTree()
  backwards.add('a', 2, { ...folder, kind: FILE, size: 12 })
  backwards.add('d/x', 1, { ...folder, kind: FILE, size: 1 })
  backwards.opaque('d', 1)
  backwards.add('d/b', 0, { ...folder, kind: FILE, size: 20 })
  backwards.add('a', 0, { ...folder, kind: FILE, size: 10 })
  assert.deepEqual(summarise(backwards, 3), summarise(forwards, 3))
})

test('a whiteout hides lower layers, not what the same layer puts there', () => {
  const tree = treeOf('+d/old 10', '-d;+d/new 5')
  assert.deepEqual(markers(tree, 1), ['d', 'Ad/new', 'Dd/old'])
  assert.equal(summarise(tree, 2).visible.bytes, 5)
  const reversed = treeOf('+d/old 10', '+d/new 5;-d')
  assert.deepEqual(markers(reversed, 1), markers(tree, 1))
})

test('an opaque folder hides what is below, and what the same layer has again is changed', () => {
  const tree = treeOf('+d/;+d/a 10;+d/b 20;+d/s/c 1', '+d/;!d;+d/a 3')
  assert.deepEqual(markers(tree, 1), ['d', 'Cd/a', 'Dd/b', 'Dd/s'])
  const rows = [...filesOf(tree, 1)]
  assert.equal(rows.find(({ path }) => path === 'd')!.opaque, true)
  assert.deepEqual(rows.find(({ path }) => path === 'd/s')!.lost, { files: 1, bytes: 1 })
})

test('a folder replaced by a link takes what was in it along', () => {
  const tree = treeOf('+lib/;+lib/a 10;+lib/b 5', '>lib usr/lib')
  assert.deepEqual(
    [...filesOf(tree, 1)].filter(({ path }) => path !== '').map(({ marker, path, lost }) => ({ marker, path, lost })),
    [{ marker: 'C', path: 'lib', lost: { files: 2, bytes: 15 } }],
  )
  const { layers, wasted: waste } = summarise(tree, 2)
  assert.deepEqual(layers[1]!.removed, { files: 2, folders: 0, bytes: 15 })
  assert.equal(waste, 15)
  assert.deepEqual(
    wasted(tree).map(({ path, bytes, files, removed }) => ({ path, bytes, files, removed })),
    [{ path: 'lib', bytes: 15, files: 2, removed: false }],
  )
})

test('a link replaced by a folder that is only implied', () => {
  const tree = treeOf('>lib usr/lib;+usr/lib/x 1', '+lib/y 2')
  assert.deepEqual(markers(tree, 1), ['Clib', 'Alib/y'])
})

test('what a lower layer has beneath a file of a layer between comes not back', () => {
  const tree = treeOf('+d/a 10', '+d 1', '+d/;+d/b 2')
  assert.deepEqual(markers(tree, 2), ['Cd', 'Ad/b'])
  assert.equal(summarise(tree, 3).visible.bytes, 2)
})

test('an implied folder leaves the lower one as it is', () => {
  const tree = treeOf('+tmp/ 1777', '+tmp/f 1')
  assert.deepEqual(markers(tree, 1), ['tmp', 'Atmp/f'])
  const [tmp] = touches(tree, '/tmp').paths
  assert.equal(tmp!.visible!.mode, 0o1777)
  assert.deepEqual(
    tmp!.touches.map(({ how }) => how),
    ['added'],
  )
})

test('a chmod is a copy, and told as one', () => {
  const tree = treeOf('+big 1000 644 7', '+big 1000 755 7')
  assert.deepEqual(wasted(tree), [{ path: 'big', bytes: 1000, files: 1, versions: 2, removed: false, layers: [0], metadataOnly: true }])
  const { paths } = touches(tree, 'big')
  assert.deepEqual(
    paths[0]!.touches.map(({ layer, how, differences }) => ({ layer, how, differences })),
    [
      { layer: 0, how: 'added', differences: [] },
      { layer: 1, how: 'changed', differences: ['mode'] },
    ],
  )
})

test('hard links: the bytes live as long as one name does', () => {
  const kept = treeOf('+a 100;=b a', '-a')
  assert.equal(summarise(kept, 2).wasted, 0)
  assert.equal(summarise(kept, 2).size, 100)
  const gone = treeOf('+a 100;=b a', '-a;-b')
  assert.equal(summarise(gone, 2).wasted, 100)
  const across = treeOf('+a 100', '=b a;-a')
  assert.equal(summarise(across, 2).wasted, 0)
  assert.equal(touches(across, 'b').paths[0]!.visible!.size, 100)
})

test('hard links that lead in a circle or nowhere are files without bytes', () => {
  const tree = treeOf('=a b;=b a;=c nowhere')
  assert.equal(summarise(tree, 1).size, 0)
  assert.equal(touches(tree, 'c').paths[0]!.visible!.hardLinkTo, 'nowhere')
})

test('efficiency is the smallest version of each path over all versions of it', () => {
  assert.equal(summarise(treeOf('+a 100'), 1).efficiency, 1)
  assert.equal(summarise(treeOf('+a 100', '+a 100'), 2).efficiency, 0.5)
  assert.equal(summarise(treeOf('+a 100;+b 100', '-a'), 2).efficiency, 0.5)
  assert.equal(summarise(treeOf(''), 1).efficiency, 1)
})

test('waste: the worst first, a folder that is gone as one', () => {
  const tree = treeOf('+v/;+v/a 10;+v/b 20;+c 5;+keep/x 7', '-v;+c 6', '-keep/x')
  assert.deepEqual(
    wasted(tree).map(({ path, bytes, files, removed, layers }) => ({ path, bytes, files, removed, layers })),
    [
      { path: 'v', bytes: 30, files: 2, removed: true, layers: [0] },
      { path: 'keep/x', bytes: 7, files: 1, removed: true, layers: [0] },
      { path: 'c', bytes: 5, files: 1, removed: false, layers: [0] },
    ],
  )
  assert.equal(wasted(tree, 1).length, 1)
  assert.equal(
    wasted(tree).reduce((sum, { bytes }) => sum + bytes, 0),
    summarise(tree, 3).wasted,
  )
})

test('a path through a link of the image, a folder, a pattern', () => {
  const tree = treeOf('+usr/bin/sh 10;+usr/bin/ls 5;>bin usr/bin', '+usr/bin/sh 12', '-usr/bin/ls')
  const through = touches(tree, '/bin/sh')
  assert.equal(through.resolved, 'usr/bin/sh')
  assert.deepEqual(
    through.paths.map(({ path }) => path),
    ['bin', 'usr/bin/sh'],
  )
  const [whole] = touches(tree, 'usr/bin').paths
  assert.deepEqual(whole!.beneath, [
    { layer: 0, added: 2, changed: 0, removed: 0, bytes: 15 },
    { layer: 1, added: 0, changed: 1, removed: 0, bytes: 12 },
    { layer: 2, added: 0, changed: 0, removed: 1, bytes: 0 },
  ])
  assert.deepEqual(
    touches(tree, 'usr/**/[a-l]s').paths.map(({ path }) => path),
    ['usr/bin/ls'],
  )
  assert.deepEqual(
    touches(tree, '**/s?').paths.map(({ path }) => path),
    ['usr/bin/sh'],
  )
  assert.deepEqual(touches(tree, 'nothing').paths, [])
})

test('a link that leads out of the image leads to its root', () => {
  const tree = treeOf('>out ../../../etc;+etc/passwd 1;>loop loop')
  assert.equal(touches(tree, 'out/passwd').resolved, 'etc/passwd')
  assert.deepEqual(touches(tree, 'loop/x').paths, [])
})

test('names that are no UTF-8, and names the language knows', () => {
  const tree = treeOf('+\udcff 1;+\udcfe 2;+__proto__ 3;+constructor/x 4')
  assert.equal(summarise(tree, 1).visible.files, 4)
  assert.equal(touches(tree, '\udcfe').paths[0]!.visible!.size, 2)
})
