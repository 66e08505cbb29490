import { diffLayers } from '../../image/inspect/diff.ts'
import { filesOf } from '../../image/inspect/files.ts'
import type { InspectedImage } from '../../image/inspect/image.ts'
import type { LayerTree } from '../../image/inspect/layer-tree.ts'
import { type LayersReport, readLayers, reportLayers } from '../../image/inspect/report.ts'
import { touches } from '../../image/inspect/touches.ts'
import { wasted } from '../../image/inspect/wasted.ts'
import type { Values } from '../support/flags.ts'
import { layerCommand } from '../support/layer-command.ts'
import { harmless } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { outputScreen, type Screen } from '../support/screen.ts'
import { goJson } from '../support/template/go-text.ts'
import { type Context, defineCommand } from './context.ts'
import { type Inspected, openInspected } from './inspected.ts'
import { REGISTRY_FLAGS } from './registry-flags.ts'
import { differenceLine, fileLines, touchedText, wastedText } from './show-files.ts'
import { layersText } from './show-layers.ts'
import { changeStore } from './store.ts'

const FLAGS = {
  files: {
    type: 'string',
    value: 'LAYER',
    help: 'list what a layer has, with markers: A added, C changed, D removed; LAYER is its number or the beginning of its digest',
  },
  path: { type: 'string', value: 'PATH', help: 'tell which layers touched a path, or paths of a pattern like usr/**/*.so' },
  wasted: { type: 'boolean', help: 'list the worst of what layers have and the image does not show' },
  top: { type: 'integer', value: 'N', help: 'with --wasted: how many (default: 20; 0: all)' },
  diff: { type: 'boolean', help: 'compare two images file by file' },
  json: { type: 'boolean', help: 'print JSON; without another of these flags, all of it' },
  remote: { type: 'boolean', help: 'of an image in a registry: layers are read as they come and not kept' },
  platform: { type: 'string', value: 'OS/ARCH[/VARIANT]', help: 'with --remote: of which platform' },
  'no-trunc': { type: 'boolean', help: 'do not shorten commands' },
  ...REGISTRY_FLAGS,
} as const

type LayersFlags = Values<typeof FLAGS>

const DEFAULT_TOP = 20
/** Lines that are written at once. */
const BATCH = 1000

const printAll = (lines: Iterable<string>): void => {
  let batch: string[] = []
  for (const line of lines) {
    batch.push(line)
    if (batch.length < BATCH) continue
    print(batch.join(''))
    batch = []
  }
  print(batch.join(''))
}

/** Of a number from 1 on, or the beginning of a digest. */
const layerIndex = (text: string, { layers }: LayersReport): number => {
  const number = /^\d{1,4}$/.test(text) ? Number(text) : 0
  if (number >= 1 && number <= layers.length) return number - 1
  const prefix = text.replace(/^sha256:/, '')
  const found = layers.filter(
    ({ digest, diffID }) => prefix !== '' && [digest, diffID].some((one) => one.replace(/^sha256:/, '').startsWith(prefix)),
  )
  if (found.length === 1) return found[0]!.index
  throw new UsageError(
    `--files ${JSON.stringify(text)}: ${found.length === 0 ? 'there is no such layer' : 'several layers begin so'}: 1 to ${layers.length}, or the beginning of a digest`,
  )
}

/** An array, an element on a line. */
function* jsonLines(values: Iterable<unknown>): Generator<string> {
  let before = '[\n'
  for (const value of values) {
    yield `${before}${goJson(value)}`
    before = ',\n'
  }
  yield before === '[\n' ? '[]\n' : '\n]\n'
}

/** The whole report, the files of each layer with it, without having all of it in memory as text. */
function* allAsJson(report: LayersReport, tree: LayerTree): Generator<string> {
  const { layers, ...rest } = report
  yield `${goJson(rest).slice(0, -1)},"wastedFiles":${goJson(wasted(tree))},"layers":[`
  for (const layer of layers) {
    yield `${layer.index === 0 ? '' : ','}\n${goJson(layer).slice(0, -1)},"files":`
    yield* jsonLines(filesOf(tree, layer.index))
    yield '}'
  }
  yield ']}\n'
}

const topOf = ({ top = DEFAULT_TOP }: LayersFlags): number => {
  if (top < 0) throw new UsageError(`--top ${top}: must not be negative`)
  return top === 0 ? Number.POSITIVE_INFINITY : top
}

const showOne = async (image: InspectedImage, flags: LayersFlags, screen: Screen, signal: AbortSignal): Promise<void> => {
  const tree = await readLayers(image, { signal })
  const report = reportLayers(image, tree)
  const { json } = flags
  if (flags.files !== undefined) {
    const files = filesOf(tree, layerIndex(flags.files, report))
    printAll(json ? jsonLines(files) : fileLines(files, screen))
  } else if (flags.path !== undefined) {
    const found = touches(tree, flags.path)
    const commands = report.layers.map(({ command }) => (command === undefined ? '' : harmless(layerCommand(command))))
    print(json ? `${goJson(found, '  ')}\n` : touchedText(found, screen, commands))
  } else if (flags.wasted) {
    const rows = wasted(tree, topOf(flags))
    print(json ? `${goJson(rows, '  ')}\n` : wastedText(rows, screen))
  } else if (json) printAll(allAsJson(report, tree))
  else print(layersText(report, screen, flags['no-trunc'] ?? false))
}

const showDifference = async ([a, b]: readonly Inspected[], json: boolean, screen: Screen, signal: AbortSignal): Promise<void> => {
  let lines: string[] = []
  let before = '[\n'
  const flush = (): void => {
    print(lines.join(''))
    lines = []
  }
  for await (const difference of diffLayers(a!.image.layers, b!.image.layers, { signal })) {
    lines.push(json ? `${before}${goJson(difference)}` : differenceLine(difference, screen))
    before = ',\n'
    if (lines.length >= BATCH) flush()
  }
  if (json) lines.push(before === '[\n' ? '[]\n' : '\n]\n')
  flush()
}

const check = (flags: LayersFlags, count: number): void => {
  const modes = (['files', 'path', 'wasted', 'diff'] as const).filter((name) => flags[name] !== undefined && flags[name] !== false)
  if (modes.length > 1) throw new UsageError(`${modes.map((name) => `--${name}`).join(' and ')}: one of them`)
  if (flags.diff && count !== 2) throw new UsageError('--diff takes two images: wherry image layers --diff A B')
  if (!flags.diff && count !== 1) throw new UsageError(`one image is wanted, not ${count}; two with --diff`)
}

const run = async (flags: LayersFlags, args: readonly string[], context: Context): Promise<number> => {
  check(flags, args.length)
  const store = await changeStore(context)
  const screen = outputScreen(process.env)
  const opened: Inspected[] = []
  try {
    for (const text of args) opened.push(await openInspected(text, flags, store, context))
    if (flags.diff) await showDifference(opened, flags.json ?? false, screen, context.signal)
    else await showOne(opened[0]!.image, flags, screen, context.signal)
    return 0
  } finally {
    for (const { close } of opened) await close()
  }
}

export const command = defineCommand({
  name: 'image layers',
  heading: 'Images',
  summary: 'look into the layers of an image',
  operands: 'IMAGE [IMAGE]',
  count: [1, 2],
  description: `Lists the layers of an image, lowest first: the command that made each, its size packed and unpacked, the files and folders it adds,
changes and removes, and a bar, whose light part is what later layers overwrite or delete. Efficiency is the size of what is needed
by the size of what is there: for each path, its smallest version by all of them.

IMAGE is an image of the store; with --remote it is read from its registry. docker://IMAGE, oci:DIR, oci-archive:FILE, docker-archive:FILE and
dir:DIR are read from there too.`,
  flags: FLAGS,
  run: ({ flags, args, context }) => run(flags as LayersFlags, args, context),
})
