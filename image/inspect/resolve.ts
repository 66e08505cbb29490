/** Symbolic links of an image, followed within it: path_resolution(7), with the image’s root for /. */
import { settleAt, type Stacked } from './changes.ts'
import { SYMLINK } from './entry.ts'
import { type LayerTree, NO_VERSION } from './layer-tree.ts'
import { NO_NODE } from './path-trie.ts'

const MOST_LINKS = 40

export interface ResolveOptions {
  /** Which layers make up the image; default: all. */
  readonly stacked?: Stacked
  /** Follow a link that the whole path is, too. */
  readonly last?: boolean
}

/** The path without links on it; what is not there stays as it is. Undefined if the links lead in a circle. */
export const resolvePath = (tree: LayerTree, path: string, { stacked, last = false }: ResolveOptions = {}): string | undefined => {
  const todo = path.split('/').reverse()
  let done: string[] = []
  for (let links = 0; todo.length > 0; ) {
    const part = todo.pop()!
    if (part === '' || part === '.') continue
    if (part === '..') {
      done.pop()
      continue
    }
    const node = tree.paths.find([...done, part].join('/'))
    const version = node === NO_NODE ? NO_VERSION : settleAt(tree, node, stacked).visible
    if ((todo.length === 0 && !last) || version === NO_VERSION || tree.kindOf(version) !== SYMLINK) {
      done.push(part)
      continue
    }
    if (++links > MOST_LINKS) return undefined
    const target = tree.targetOf(version) ?? ''
    if (target.startsWith('/')) done = []
    todo.push(...target.split('/').reverse())
  }
  return done.join('/')
}
