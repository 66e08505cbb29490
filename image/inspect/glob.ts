/** Shell patterns over a path trie: `*` and `?` within a name, `[a-z]`, `**` over folders. Whole branches that cannot match are left out. */
import type { Node, PathTrie } from './path-trie.ts'
import { ROOT } from './path-trie.ts'

export const isGlob = (text: string): boolean => /[*?[]/.test(text)

/** `[set]` at `at`; undefined if no bracket closes it, which makes it a plain character. */
const bracket = (pattern: string, at: number, char: string): { readonly end: number; readonly hit: boolean } | undefined => {
  const negated = pattern[at + 1] === '!' || pattern[at + 1] === '^'
  let hit = false
  for (let i = at + (negated ? 2 : 1), first = true; i < pattern.length; first = false) {
    if (pattern[i] === ']' && !first) return { end: i, hit: hit !== negated }
    const range = pattern[i + 1] === '-' && i + 2 < pattern.length && pattern[i + 2] !== ']'
    const last = range ? pattern[i + 2]! : pattern[i]!
    if (char >= pattern[i]! && char <= last) hit = true
    i += range ? 3 : 1
  }
  return undefined
}

/** fnmatch(3) for one name; takes no longer than the product of the lengths. */
export const matchesName = (pattern: string, name: string): boolean => {
  let p = 0
  let n = 0
  let star = -1
  let starName = 0
  while (n < name.length) {
    const char = pattern[p]
    const set = char === '[' ? bracket(pattern, p, name[n]!) : undefined
    if (char === '*') {
      star = p++
      starName = n
    } else if (char !== undefined && (char === '?' || (set === undefined ? char === name[n] : set.hit))) {
      p = set === undefined ? p + 1 : set.end + 1
      n++
    } else if (star >= 0) {
      p = star + 1
      n = ++starName
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

/** Nodes whose path matches, parents before children. */
export function* matching(paths: PathTrie, pattern: string): Generator<Node> {
  const parts = pattern.split('/').filter((part) => part !== '' && part !== '.')
  /** Places in `parts` that a path may have come to; `**` may stand for no folder at all. */
  const closure = (places: readonly number[]): number[] => {
    const all = new Set<number>()
    for (const place of places) for (let at = place; all.add(at) && parts[at] === '**'; ) at++
    return [...all]
  }
  const stack: { node: Node; places: number[] }[] = [{ node: ROOT, places: closure([0]) }]
  for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
    if (top.places.includes(parts.length)) yield top.node
    const { places } = top
    for (const child of paths.children(top.node).reverse()) {
      const name = paths.name(child)
      const next = places.flatMap((at) => {
        const part = parts[at]
        if (part === undefined) return []
        if (part === '**') return [at]
        return matchesName(part, name) ? [at + 1] : []
      })
      if (next.length > 0) stack.push({ node: child, places: closure(next) })
    }
  }
}
