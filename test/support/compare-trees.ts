/** Two trees of files, compared by all that an image can say of them. */
import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { decodeBytes } from '../../image/layer/bytes.ts'
import { readXattrs } from '../../image/inspect/xattrs.ts'

export interface CompareOptions {
  /** Paths that are not looked at. */
  readonly except?: (path: string) => boolean
  /** Of the root itself. */
  readonly rootTime?: boolean
}

/** By path, one line each. Hard links name the first of their names. */
export const describeTree = (root: string, options: CompareOptions = {}): Map<string, string> => {
  const found = new Map<string, string>()
  const names = new Map<bigint, string>()
  const visit = (at: Buffer, path: string): void => {
    if (options.except?.(path) === true) return
    const stat = lstatSync(at, { bigint: true })
    const type = Number(stat.mode & 0o170000n).toString(8)
    const parts = [`type=${type} mode=${Number(stat.mode & 0o7777n).toString(8)} owner=${stat.uid}:${stat.gid}`]
    if (path !== '' || options.rootTime === true) parts.push(`mtime=${stat.mtimeNs}`)
    if (stat.isFile()) parts.push(`size=${stat.size} sha256=${createHash('sha256').update(readFileSync(at)).digest('hex').slice(0, 16)}`)
    if (stat.isSymbolicLink()) parts.push(`link=${decodeBytes(readlinkSync(at, { encoding: 'buffer' }))}`)
    if (stat.isCharacterDevice() || stat.isBlockDevice()) parts.push(`device=${stat.rdev}`)
    if (!stat.isDirectory() && stat.nlink > 1n) {
      const first = names.get(stat.ino)
      if (first === undefined) names.set(stat.ino, path)
      else parts.push(`same=${first}`)
    }
    const xattrs = [...readXattrs(at)].filter(([name]) => !/^(trusted|user)\.overlay\.|^security\.selinux$/.test(name)).sort()
    for (const [name, value] of xattrs) parts.push(`${name}=${Buffer.from(value).toString('hex')}`)
    found.set(path, parts.join(' '))
    if (stat.isDirectory())
      for (const name of readdirSync(at, { encoding: 'buffer' }).sort(Buffer.compare))
        visit(Buffer.concat([at, Buffer.from('/'), name]), path === '' ? decodeBytes(name) : `${path}/${decodeBytes(name)}`)
  }
  visit(Buffer.from(root), '')
  return found
}

/** Lines that tell the differences; none if there are none. */
export const differences = (ours: ReadonlyMap<string, string>, theirs: ReadonlyMap<string, string>): string[] => [
  ...[...ours].filter(([path]) => !theirs.has(path)).map(([path]) => `only ours: ${path}`),
  ...[...theirs].filter(([path]) => !ours.has(path)).map(([path]) => `only theirs: ${path}`),
  ...[...ours]
    .filter(([path, line]) => theirs.has(path) && theirs.get(path) !== line)
    .map(([path, line]) => `${path}:\n  ours   ${line}\n  theirs ${theirs.get(path)}`),
]
