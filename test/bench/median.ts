/** Timing for benchmarks: what is compared runs in turns, so that a busy machine is busy for all. */

export interface Row {
  readonly name: string
  /** Milliseconds, sorted. */
  readonly times: readonly number[]
}

export const quantile = ({ times }: Row, part: number): number =>
  times[Math.min(times.length - 1, Math.floor(times.length * part))] ?? Number.NaN

/** Each candidate once per round, in an order that turns from round to round; the first round only warms up. */
export const interleave = async (rounds: number, candidates: Readonly<Record<string, () => unknown>>): Promise<Row[]> => {
  const names = Object.keys(candidates)
  const times = new Map<string, number[]>(names.map((name) => [name, []]))
  for (let round = 0; round <= rounds; round += 1)
    for (let turn = 0; turn < names.length; turn += 1) {
      const name = names[(turn + round) % names.length]!
      const from = performance.now()
      await candidates[name]!()
      if (round > 0) times.get(name)!.push(performance.now() - from)
    }
  return names.map((name) => ({ name, times: times.get(name)!.sort((a, b) => a - b) }))
}

/** A table: median, fastest, 90th percentile, and the median as a multiple of that of `base`. */
export const report = (title: string, rows: readonly Row[], base: string): void => {
  const unit = quantile(rows.find(({ name }) => name === base) ?? rows[0]!, 0.5)
  console.log(`\n${title}\n${'-'.repeat(title.length)}`)
  console.log(`${'ms'.padEnd(34)}${'median'.padStart(9)}${'min'.padStart(9)}${'p90'.padStart(9)}${`× ${base}`.padStart(14)}`)
  for (const row of rows)
    console.log(
      `${row.name.padEnd(34)}${[0.5, 0, 0.9].map((part) => quantile(row, part).toFixed(2).padStart(9)).join('')}${(quantile(row, 0.5) / unit).toFixed(2).padStart(14)}`,
    )
}
