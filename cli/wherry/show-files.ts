/** Files of layers and of differences between images, one on a line. */
import type { FileDifference } from '../../image/inspect/diff.ts'
import type { LayerFile } from '../../image/inspect/files.ts'
import type { Shown } from '../../image/inspect/stack.ts'
import type { Touched, TouchedPath } from '../../image/inspect/touches.ts'
import type { Wasted } from '../../image/inspect/wasted.ts'
import { humanSize } from '../support/human.ts'
import { harmless } from '../support/listing.ts'
import { coloured } from '../support/progress/row.ts'
import type { Screen } from '../support/screen.ts'

const TYPES: Readonly<Record<string, string>> = { directory: 'd', symlink: 'l', character: 'c', block: 'b', fifo: 'p', socket: 's' }
const COLOURS: Readonly<Record<string, string>> = { A: '32', C: '33', D: '31' }

/** `-rwsr-xr-x`, as ls prints it. */
export const modeText = (type: string, mode: number): string => {
  const bits = [...'rwxrwxrwx'].map((letter, index) => ((mode & (0o400 >> index)) !== 0 ? letter : '-'))
  for (const [bit, place, letter] of [
    [0o4000, 2, 's'],
    [0o2000, 5, 's'],
    [0o1000, 8, 't'],
  ] as const)
    if ((mode & bit) !== 0) bits[place] = bits[place] === 'x' ? letter : letter.toUpperCase()
  return `${TYPES[type] ?? '-'}${bits.join('')}`
}

const facts = ({ type, mode, uid, gid, size }: Shown): string =>
  `${modeText(type, mode)} ${`${uid}:${gid}`.padEnd(11)} ${(type === 'file' ? humanSize(size) : '').padStart(7)}`

const targetText = ({ link, hardLinkTo, device }: Shown): string =>
  link !== undefined
    ? ` -> ${harmless(link)}`
    : hardLinkTo !== undefined
      ? ` => ${harmless(hardLinkTo)}`
      : device !== undefined
        ? ` (${device})`
        : ''

const folderSlash = ({ type }: Shown): string => (type === 'directory' ? '/' : '')

const notes = (file: LayerFile): string => {
  const lost = file.lost === undefined || file.lost.files === 0 ? '' : `  (with ${file.lost.files} files, ${humanSize(file.lost.bytes)})`
  return `${file.opaque ? '  (hides what was in it)' : ''}${lost}`
}

/** A tree: a line per path, indented by its depth. */
export function* fileLines(files: Iterable<LayerFile>, screen: Screen): Generator<string> {
  for (const file of files) {
    const parts = file.path.split('/')
    const name = file.path === '' ? '/' : `${'  '.repeat(parts.length)}${harmless(parts.at(-1)!)}${folderSlash(file)}`
    const marker = file.marker === '' ? ' ' : file.marker
    yield `${coloured(marker, COLOURS[marker] ?? '0', screen)} ${facts(file)} ${coloured(name, COLOURS[marker] ?? '0', screen)}${targetText(file)}${notes(file)}\n`
  }
}

const LETTERS = { added: 'A', changed: 'C', removed: 'D' } as const

const change = ({ differences, before, after }: FileDifference): string => {
  if (before === undefined || after === undefined) {
    const only = after ?? before!
    return only.type === 'file' ? `  (${humanSize(only.size)})` : ''
  }
  const words = differences.map((difference) => {
    if (difference === 'size') return `size ${humanSize(before.size)} -> ${humanSize(after.size)}`
    if (difference === 'mode') return `mode ${before.mode.toString(8).padStart(4, '0')} -> ${after.mode.toString(8).padStart(4, '0')}`
    if (difference === 'owner') return `owner ${before.uid}:${before.gid} -> ${after.uid}:${after.gid}`
    if (difference === 'type') return `${before.type} -> ${after.type}`
    return difference
  })
  return words.length === 0 ? '' : `  (${words.join(', ')})`
}

export const differenceLine = (difference: FileDifference, screen: Screen): string => {
  const letter = LETTERS[difference.change]
  const slash = folderSlash((difference.after ?? difference.before)!)
  return `${coloured(`${letter} /${harmless(difference.path)}${difference.path === '' ? '' : slash}`, COLOURS[letter]!, screen)}${change(difference)}\n`
}

export const wastedText = (rows: readonly Wasted[], screen: Screen): string => {
  if (rows.length === 0) return 'Nothing is wasted.\n'
  const size = (row: Wasted): string => humanSize(row.bytes)
  const width = Math.max('WASTED'.length, ...rows.map((row) => size(row).length))
  const where = (row: Wasted): string => row.layers.map((layer) => layer + 1).join(',')
  const layers = Math.max('LAYERS'.length, ...rows.map((row) => where(row).length))
  const lines = rows.map((row) => {
    const why = row.removed
      ? '  (removed later)'
      : row.metadataOnly
        ? '  (only mode, owner or attributes changed)'
        : `  (${row.versions} versions)`
    const many = row.files > 1 ? `/ ${row.files} files` : ''
    return `${size(row).padStart(width)}  ${where(row).padEnd(layers)}  /${harmless(row.path)}${many}${coloured(why, '2', screen)}`
  })
  return [coloured(`${'WASTED'.padStart(width)}  ${'LAYERS'.padEnd(layers)}  PATH`, '1', screen), ...lines]
    .map((line) => `${line}\n`)
    .join('')
}

const HOW = { added: 'A', changed: 'C', removed: 'D', hidden: 'D', mentioned: ' ' } as const

const touchedLines = ({ path, touches, beneath, visible }: TouchedPath, screen: Screen, commands: readonly string[]): readonly string[] => {
  const state = visible === undefined ? 'not in the image' : `${facts(visible).trim()}${targetText(visible)}`
  const rows = touches.map(({ layer, how, differences, now }) => {
    const letter = HOW[how]
    const what = `${how}${differences.length === 0 ? '' : ` (${differences.join(', ')})`}`
    const size = now?.type === 'file' ? `  ${humanSize(now.size)}` : ''
    return `  ${coloured(letter, COLOURS[letter] ?? '0', screen)} layer ${layer + 1}: ${what}${size}  ${coloured(commands[layer] ?? '', '2', screen)}`.trimEnd()
  })
  const below = (beneath ?? []).map(
    ({ layer, added, changed, removed, bytes }) =>
      `    layer ${layer + 1}, files in it: ${[added > 0 ? `+${added}` : '', changed > 0 ? `~${changed}` : '', removed > 0 ? `-${removed}` : ''].filter(Boolean).join(' ')}  ${humanSize(bytes)}`,
  )
  return [`${coloured(`/${harmless(path)}`, '1', screen)}  ${state}`, ...rows, ...below]
}

/** @param commands what made each layer */
export const touchedText = ({ asked, resolved, paths, cut }: Touched, screen: Screen, commands: readonly string[]): string => {
  if (paths.length === 0) return `No layer touches /${harmless(asked)}.\n`
  const elsewhere = resolved === undefined ? [] : [`/${harmless(asked)} leads to /${harmless(resolved)}`]
  const lines = [...elsewhere, ...paths.flatMap((path) => touchedLines(path, screen, commands)), ...(cut ? ['… and more'] : [])]
  return lines.map((line) => `${line}\n`).join('')
}
