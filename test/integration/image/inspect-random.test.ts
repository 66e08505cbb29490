/** Random layers: what is worked out of streams, what is worked out of unpacked folders, and what export makes of these are the same files. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedTree } from '../../../image/archive/merged.ts'
import { openSource } from '../../../image/archive/open-source.ts'
import { walkTree } from '../../../image/inspect/changes.ts'
import { imageOfSource, imageOfStore } from '../../../image/inspect/image.ts'
import { KINDS } from '../../../image/inspect/entry.ts'
import { type LayerTree, NO_VERSION } from '../../../image/inspect/layer-tree.ts'
import { readLayers } from '../../../image/inspect/report.ts'
import { inodeOf } from '../../../image/inspect/stack.ts'
import { summarise } from '../../../image/inspect/summary.ts'
import { pull } from '../../../image/pull/pull.ts'
import { parseReference } from '../../../image/reference.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { imageOf, type TarEntry, writeLayout } from '../../support/images.ts'
import { requires } from '../../support/requires.ts'
import { withStore } from '../../support/store.ts'
import { tools } from '../../support/tools.ts'

const ROUNDS = Number(process.env['WHERRY_TEST_ROUNDS'] ?? 40)

/** The same numbers for the same seed. */
const randomly = (seed: number): ((below: number) => number) => {
  let state = (seed * 2_654_435_761) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (state >>> 0) % below
  }
}

const NAMES = ['a', 'b', 'c']

const randomLayer = (pick: (below: number) => number): TarEntry[] => {
  const path = (): string => Array.from({ length: 1 + pick(3) }, () => NAMES[pick(NAMES.length)]!).join('/')
  return Array.from({ length: 1 + pick(8) }, (_, at): TarEntry => {
    const name = path()
    const what = pick(12)
    if (what < 4) return { name, content: 'x'.repeat(1 + pick(100)), mode: [0o644, 0o755][pick(2)]! }
    if (what < 7) return { name: `${name}/`, mode: [0o755, 0o700, 0o1777][pick(3)]! }
    if (what < 8) return { name, type: 'symlink', linkname: ['../b', 'a', '/c', 'a/b'][pick(4)]!, mode: 0o777 }
    // with a name that nothing else has: links into lower layers are made last, whatever comes after them
    if (what < 9) return { name: `${name.replace(/[^/]+$/, '')}link${at}`, type: 'link', linkname: path() }
    if (what < 11) return { name: name.replace(/[^/]+$/, '.wh.$&') }
    return { name: `${name}/.wh..wh..opq` }
  })
}

/** Type, mode and size of all that can be seen, by path. */
const visibleIn = (tree: LayerTree): Map<string, string> => {
  const found = new Map<string, string>()
  for (const { step, node, visible } of walkTree(tree)) {
    if (step === 'leave' || node === 0 || visible === NO_VERSION) continue
    const inode = inodeOf(tree, visible)
    const kind = KINDS[tree.kindOf(inode)]!
    const mode = kind === 'directory' ? '' : tree.modeOf(inode).toString(8)
    found.set(tree.paths.path(node), [kind, mode, tree.sizeOf(inode), tree.targetOf(inode) ?? ''].join(' '))
  }
  return found
}

const mergedIn = (roots: readonly string[]): string[] => [...mergedTree(roots)].map(({ path }) => path).filter((path) => path !== '')

test(`${ROUNDS} images`, { skip: requires('root') }, async (t) => {
  const box = tools(t)
  let pulled = 0
  for (let seed = 1; seed <= ROUNDS; seed++) {
    const pick = randomly(seed)
    const layers = Array.from({ length: 1 + pick(4) }, () => randomLayer(pick))
    const story = `seed ${seed}: ${layers.map((layer) => layer.map(({ name, type, linkname }) => `${name}${type ? ` (${type} ${linkname})` : ''}`).join(', ')).join(' | ')}`
    writeLayout(box.path(`l${seed}`), { x: await imageOf({ layers, compression: 'none' }) })
    const { source } = await openSource(`oci:${box.path(`l${seed}`)}`, { temporary: box.folder, registry: () => assert.fail() })
    await withStore(async (store) => {
      try {
        await pull(source, store, { reference: parseReference('x') })
      } catch (error) {
        // hard links to nothing, and what else no layer can be
        if (error instanceof WherryError && error.kind === 'invalid-argument') return
        throw error
      }
      pulled++
      const unpacked = await imageOfStore(store, store.images.find('x')!)
      const [walked, streamed] = [await readLayers(unpacked), await readLayers(await imageOfSource(source))]
      assert.deepEqual(visibleIn(walked), visibleIn(streamed), story)
      assert.deepEqual(summarise(walked, layers.length), summarise(streamed, layers.length), story)
      const roots = unpacked.layers.map(({ root }) => root!).reverse()
      assert.deepEqual(mergedIn(roots), [...visibleIn(walked).keys()], story)
    })
    await source.close()
  }
  assert.ok(pulled > ROUNDS / 4, `only ${pulled} could be pulled`)
})
