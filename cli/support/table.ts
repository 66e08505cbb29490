/** Columns as wide as their widest cell. */

/** Every column has `width` characters at least and `gap` blanks behind its widest cell; the last one is not padded. */
export const table = (rows: readonly (readonly string[])[], width = 12, gap = 3): string => {
  const widths: number[] = []
  for (const row of rows) for (const [column, cell] of row.entries()) widths[column] = Math.max(widths[column] ?? width, cell.length + gap)
  const line = (row: readonly string[]): string =>
    row.map((cell, column) => (column === row.length - 1 ? cell : cell.padEnd(widths[column]!))).join('')
  return rows.map((row) => `${line(row)}\n`).join('')
}
