/** Images over the layers they share, as a tree. */
import type { Common, ImageTree, TreeLayer, TreeNode } from '../../image/inspect/tree.ts'
import { humanSize } from '../support/human.ts'
import { harmless } from '../support/listing.ts'
import { coloured } from '../support/progress/row.ts'
import type { Screen } from '../support/screen.ts'
import { familiarName, NONE, shortId } from './image-names.ts'

const LINES = { branch: '├─ ', last: '└─ ', through: '│  ', nothing: '   ' }
const ASCII = { branch: '|- ', last: '`- ', through: '|  ', nothing: '   ' }

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const imageText = ({ id, names }: TreeNode['images'][number], screen: Screen): string => {
  const name = names.length === 0 ? NONE : names.map(familiarName).join(', ')
  return `${coloured(harmless(name), '1', screen)} ${coloured(`(${shortId(id)})`, '2', screen)}`
}

const nodeText = ({ layers, size, total, images }: TreeNode, depth: number, screen: Screen): string => {
  const own = `${depth === 0 ? '' : '+'}${humanSize(size)}`
  const all = depth === 0 || images.length === 0 ? '' : ` = ${humanSize(total)}`
  const names = images.map((image) => imageText(image, screen)).join(', ')
  return `${own} in ${counted(layers.length, 'layer')}${all}${names === '' ? '' : `  ${names}`}`
}

export const treeText = ({ roots, size, apart }: ImageTree, images: number, screen: Screen): string => {
  const marks = screen.unicode ? LINES : ASCII
  const lines: string[] = []
  const visit = (node: TreeNode, depth: number, head: string, below: string): void => {
    lines.push(`${head}${nodeText(node, depth, screen)}`)
    for (const [index, child] of node.children.entries()) {
      const last = index === node.children.length - 1
      visit(child, depth + 1, below + (last ? marks.last : marks.branch), below + (last ? marks.nothing : marks.through))
    }
  }
  for (const root of roots) visit(root, 0, '', '')
  const saved = apart > size ? `; without sharing ${humanSize(apart)}` : ''
  return `${lines.map((line) => `${line}\n`).join('')}${lines.length === 0 ? '' : '\n'}${counted(images, 'image')}, ${humanSize(size)}${saved}\n`
}

const sum = (layers: readonly TreeLayer[]): number => layers.reduce((total, { size }) => total + size, 0)

export const commonText = (a: string, b: string, common: Common): string => {
  const row = (what: string, layers: readonly TreeLayer[]): readonly string[] => [
    what,
    counted(layers.length, 'layer'),
    humanSize(sum(layers)),
  ]
  const rows = [
    row('in common, as the base of both', common.base),
    ...(common.others.length === 0 ? [] : [row('in common, above', common.others)]),
    row(`only ${harmless(a)}`, common.onlyFirst),
    row(`only ${harmless(b)}`, common.onlySecond),
  ]
  const width = Math.max(...rows.map(([what]) => what!.length))
  const middle = Math.max(...rows.map(([, count]) => count!.length))
  return rows.map(([what, count, size]) => `${what!.padEnd(width)}  ${count!.padStart(middle)}  ${size}\n`).join('')
}
