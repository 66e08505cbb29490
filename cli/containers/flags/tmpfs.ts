/** --tmpfs `TARGET[:OPTION,…]`, and what --mount type=tmpfs says: tmpfs(5). */
import type { MountRequest } from '../request.ts'
import { bad, halves, isId, sizeText } from './bad.ts'
import { isAttribute } from './mount-options.ts'
import { target } from './paths.ts'

/** Docker's; each may be taken back by its opposite. */
const DEFAULTS = [
  ['noexec', 'exec'],
  ['nosuid', 'suid'],
  ['nodev', 'dev'],
] as const

const KNOWN =
  'ro, rw, size=, mode=, uid=, gid=, nr_inodes=, nr_blocks=, tmpcopyup, notmpcopyup, exec, suid, dev, noexec, nosuid, nodev, noatime'

export const tmpfsMode = (flag: string, text: string): number => {
  if (!/^0?[0-7]{1,4}$/.test(text)) throw bad(flag, text, 'is no mode: up to four octal digits like 1777 are wanted')
  return Number.parseInt(text, 8)
}

/** A half of the machine's memory where nothing is said, tmpfs(5); `50%` of it can be said. */
const tmpfsSize = (flag: string, text: string): string => (/^(?:100|[1-9]?\d)%$/.test(text) ? text : sizeText(flag, text))

/** With docker's defaults where the options do not say otherwise. */
export const withDefaults = (options: readonly string[]): readonly string[] => [
  ...DEFAULTS.flatMap(([on, off]) => (options.includes(off) || options.includes(on) ? [] : [on])),
  ...options,
]

type Parts = Pick<MountRequest, 'readonly' | 'size' | 'mode' | 'options'>

const count = (flag: string, whole: string, name: string, value: string): string => {
  if (!/^\d{1,15}[kmg]?$/i.test(value)) throw bad(flag, whole, `has ${name}=${value}, which is no number`)
  return `${name}=${value}`
}

export const readTmpfsOptions = (flag: string, whole: string, given: readonly string[]): Parts => {
  let readonly = false
  let size: string | undefined
  let mode: number | undefined
  const options: string[] = []
  for (const option of given) {
    const [name, value] = halves(option, '=')
    if (option === 'ro' || option === 'rw') readonly = option === 'ro'
    else if (name === 'size' && value !== undefined) size = tmpfsSize(flag, value)
    else if (name === 'mode' && value !== undefined) mode = tmpfsMode(flag, value)
    else if ((name === 'uid' || name === 'gid') && value !== undefined) {
      if (!isId(value)) throw bad(flag, whole, `has ${option}, which is no id in decimal`)
      options.push(option)
    } else if ((name === 'nr_inodes' || name === 'nr_blocks') && value !== undefined) options.push(count(flag, whole, name, value))
    else if (isAttribute(option) || option === 'tmpcopyup') options.push(option)
    else if (option !== 'notmpcopyup' && option !== '')
      throw bad(flag, whole, `has the unknown option ${JSON.stringify(option)}; there are ${KNOWN}`)
  }
  return { readonly, ...(size === undefined ? {} : { size }), ...(mode === undefined ? {} : { mode }), options: withDefaults(options) }
}

export const readTmpfs = (text: string): MountRequest => {
  const [path, options = ''] = halves(text, ':')
  return { type: 'tmpfs', target: target('tmpfs', path), ...readTmpfsOptions('tmpfs', text, options.split(',')) }
}
