/** What somebody who mistyped a name may have meant. */

/** Insertions, deletions, replacements and swaps of neighbours that turn `from` into `to` (optimal string alignment). */
export const distance = (from: string, to: string): number => {
  const rows: number[][] = [Array.from({ length: to.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= from.length; row++) {
    const above = rows[row - 1]!
    const line = [row]
    for (let column = 1; column <= to.length; column++) {
      const same = from[row - 1] === to[column - 1]
      let least = Math.min(above[column]! + 1, line[column - 1]! + 1, above[column - 1]! + (same ? 0 : 1))
      if (row > 1 && column > 1 && from[row - 1] === to[column - 2] && from[row - 2] === to[column - 1])
        least = Math.min(least, rows[row - 2]![column - 2]! + 1)
      line.push(least)
    }
    rows.push(line)
  }
  return rows[from.length]![to.length]!
}

/** The nearest of `names` that is near enough to be meant: a third of the letters may be wrong. Long input is no typing error. */
export const nearest = (name: string, names: Iterable<string>): string | undefined => {
  let best: string | undefined
  let least = Math.floor(Math.max(name.length, 3) / 3) + 1
  if (name.length > 64) return undefined
  for (const candidate of names) {
    const errors = candidate.length === 1 ? least : distance(name, candidate)
    if (errors < least) [best, least] = [candidate, errors]
  }
  return best
}
