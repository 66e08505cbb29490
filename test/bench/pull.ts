/**
 * The pull row of the design: an image of a distribution, and one of 60,000 small files in a layer, from a registry on the loopback into a
 * cold store. The page cache is not dropped for any of them: the registry's blobs come from memory, as from a network that is not the brake.
 */
import { Corner } from '../integration/peers/corner.ts'
import { candidates, type Outcome, runOnce } from './pull/candidates.ts'
import { type BenchImage, bigImage, smallFilesImage } from './pull/image.ts'
import { serve } from './pull/registry.ts'

const ROUNDS = Number(process.env['BENCH_ROUNDS'] ?? 5)
const wanted = (variable: string): ((name: string) => boolean) => {
  const names = process.env[variable]?.split(',')
  return (name) => names?.includes(name) ?? true
}

const sum = <T>(items: readonly T[], value: (item: T) => number): number => items.reduce((total, item) => total + value(item), 0)

const describe = ({ name, layers }: BenchImage): string => {
  const mega = (bytes: number): string => (bytes / 1e6).toFixed(0)
  return `${name}: ${layers.length} layers, ${sum(layers, ({ files }) => files)} files, ${sum(layers, ({ entries }) => entries)} entries, ${mega(sum(layers, ({ size }) => size))} MB gzip, ${mega(sum(layers, ({ tarSize }) => tarSize))} MB tar`
}

const median = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN

const table = (image: BenchImage, outcomes: ReadonlyMap<string, readonly Outcome[]>): void => {
  const title = describe(image)
  console.log(`\n${title}\n${'-'.repeat(title.length)}`)
  const names = ['seconds', 'min', 'max', 'CPU s', 'MiB peak', '× containerd', '× podman', '× floor']
  console.log(''.padEnd(14) + names.map((name) => name.padStart(13)).join(''))
  const seconds = (name: string): number => median((outcomes.get(name) ?? []).map(({ elapsed }) => elapsed))
  for (const [name, rows] of outcomes) {
    const times = rows.map(({ elapsed }) => elapsed)
    const ratio = (base: string): string => {
      const value = seconds(name) / seconds(base)
      return Number.isNaN(value) ? '-' : value.toFixed(2)
    }
    const cells = [
      median(times).toFixed(2),
      Math.min(...times).toFixed(2),
      Math.max(...times).toFixed(2),
      median(rows.map(({ processor }) => processor)).toFixed(2),
      (Math.max(...rows.map(({ memory }) => memory)) / 2 ** 20).toFixed(0),
      ratio('containerd'),
      ratio('podman'),
      ratio('floor'),
    ]
    console.log(name.padEnd(14) + cells.map((cell) => cell.padStart(13)).join(''))
  }
}

const images = [bigImage, smallFilesImage].map((make) => make()).filter(({ name }) => wanted('BENCH_IMAGES')(name))
const corner = await Corner.open('bench-pull')
try {
  const registry = await serve(corner, images)
  try {
    const pullers = Object.entries(candidates(corner)).filter(([name]) => wanted('BENCH_PULLERS')(name))
    for (const image of images) {
      const outcomes = new Map<string, Outcome[]>(pullers.map(([name]) => [name, []]))
      for (let round = 0; round < ROUNDS; round += 1)
        for (let turn = 0; turn < pullers.length; turn += 1) {
          const [name, puller] = pullers[(turn + round) % pullers.length]!
          const outcome = await runOnce(corner, puller, image)
          const { elapsed, processor, memory } = outcome
          console.error(
            `${image.name} ${name}: ${elapsed.toFixed(2)} s, ${processor.toFixed(2)} s of CPU, ${(memory / 2 ** 20).toFixed(0)} MiB`,
          )
          outcomes.get(name)!.push(outcome)
        }
      table(image, outcomes)
    }
  } finally {
    await registry.close()
  }
} finally {
  await corner.close()
}
