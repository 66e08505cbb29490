/** Patterns as Go’s path.Match reads them: `*` and `?` stand for no slash, `[a-z]` and `[^a-z]` for a character, `\` quotes. */

const literal = (character: string): string => character.replace(/[\\^$.*+?()[\]{}|/-]/, '\\$&')

/** A set at `at`, behind its bracket; undefined where it does not end. */
const setAt = (pattern: readonly string[], at: number): { readonly source: string; readonly end: number } | undefined => {
  const negated = pattern[at] === '^'
  let source = ''
  for (let index = negated ? at + 1 : at; index < pattern.length; index++) {
    const character = pattern[index]!
    if (character === ']' && source !== '') return { source: `${negated ? '(?!/)[^' : '['}${source}]`, end: index + 1 }
    if (character === '\\') source += literal(pattern[++index] ?? '\\')
    else source += character === '-' ? '-' : literal(character)
  }
  return undefined
}

/** Undefined for what is no pattern. */
export const globPattern = (text: string): RegExp | undefined => {
  const characters = [...text]
  let source = ''
  for (let index = 0; index < characters.length; ) {
    const character = characters[index]!
    index++
    if (character === '*') source += source.endsWith('[^/]*') ? '' : '[^/]*'
    else if (character === '?') source += '[^/]'
    else if (character === '[') {
      const set = setAt(characters, index)
      if (set === undefined) return undefined
      source += set.source
      index = set.end
    } else if (character === '\\') source += literal(characters[index++] ?? '\\')
    else source += literal(character)
  }
  try {
    return new RegExp(`^${source}$`, 'u')
  } catch {
    return undefined // a range like [z-a]
  }
}
