/** From a header to an entry: names, whiteouts of both styles, extended attributes. OCI image-spec layer.md. */
import { shown } from './bytes.ts'
import type { Entry, EntryType } from './entry.ts'
import { type LayerLimits, limitExceeded } from './limits.ts'
import { baseOf, cleanPath, joined, parentOf } from './names.ts'
import type { Header, Preface } from './tar/header.ts'
import { malformed } from './tar/malformed.ts'
import { paxXattrs } from './tar/pax.ts'

const TYPES: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'character',
  '4': 'block',
  '5': 'directory',
  '6': 'fifo',
  '7': 'file',
  S: 'file',
}

const PREFIX = '.wh.'
/** AUFS’ own records, of which one has a meaning in layers. */
const META = '.wh..wh.'
const OPAQUE = '.wh..wh..opq'

const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map()

const overlayName = (name: string): string | undefined =>
  name.startsWith('trusted.overlay.') ? name.slice(16) : name.startsWith('user.overlay.') ? name.slice(13) : undefined

/** Records of overlayfs about where a file came from; nothing in another place. */
const BOOKKEEPING = new Set(['origin', 'impure', 'nlink', 'uuid', 'upper', 'index'])

interface Xattrs {
  readonly kept: ReadonlyMap<string, Uint8Array>
  readonly opaque: boolean
}

/** overlayfs would obey what stands in its attributes: `redirect` leads anywhere. Only `opaque` is taken, for what it means. */
const checkXattrs = (all: ReadonlyMap<string, Uint8Array>, type: EntryType, path: string, limits: LayerLimits): Xattrs => {
  if (all.size === 0) return { kept: NO_XATTRS, opaque: false }
  if (all.size > limits.xattrs) throw limitExceeded(limits, 'xattrs', shown(path))
  const kept = new Map<string, Uint8Array>()
  let bytes = 0
  let opaque = false
  for (const [name, value] of all) {
    bytes += name.length + value.length
    if (bytes > limits.xattrBytes) throw limitExceeded(limits, 'xattrBytes', shown(path))
    const overlay = overlayName(name)
    if (overlay === undefined) kept.set(name, value)
    else if (overlay === 'opaque' && type === 'directory' && value.length === 1 && value[0] === 0x79) opaque = true
    else if (!BOOKKEEPING.has(overlay))
      throw malformed(`entry ${shown(path)} has the extended attribute ${shown(name)}, which would command overlayfs: it is not taken`)
  }
  return { kept, opaque }
}

/** Undefined: AUFS’ records, which mean nothing. */
const whiteout = (path: string): Pick<Entry, 'path' | 'whiteout'> | 'none' | undefined => {
  const base = baseOf(path)
  const folder = parentOf(path)
  if (folder.startsWith(META) || folder.includes(`/${META}`)) return undefined
  if (folder.startsWith(PREFIX) || folder.includes(`/${PREFIX}`)) throw malformed(`entry ${shown(path)} lies in a whiteout`)
  if (!base.startsWith(PREFIX)) return 'none'
  if (base === OPAQUE) return { path: folder, whiteout: 'opaque' }
  if (base.startsWith(META)) return undefined
  const hidden = base.slice(PREFIX.length)
  if (hidden === '' || hidden === '.' || hidden === '..') throw malformed(`whiteout ${shown(path)} hides nothing that can have this name`)
  return { path: joined(folder, hidden), whiteout: 'hidden' }
}

const linkOf = (header: Header, type: EntryType, path: string, limits: LayerLimits): { link?: string } => {
  const { linkname } = header
  if (type === 'symlink') {
    if (linkname === '') throw malformed(`symlink ${shown(path)} has no target`)
    if (Buffer.byteLength(linkname) > 4095) throw malformed(`symlink ${shown(path)}: its target is longer than 4095 bytes`)
    return { link: linkname }
  }
  if (type !== 'hardlink') return {}
  const link = cleanPath(linkname, limits, `hard link ${shown(path)} to`)
  if (link === '') throw malformed(`hard link ${shown(path)} leads to the root`)
  if (whiteout(link) !== 'none') throw malformed(`hard link ${shown(path)} leads to a whiteout`)
  return { link }
}

/** Linux keeps 12 and 20 bits. */
const deviceOf = ({ major, minor }: Header, type: EntryType, path: string): { major?: number; minor?: number } => {
  if (type !== 'character' && type !== 'block') return {}
  if (!(major >= 0 && major < 1 << 12 && minor >= 0 && minor < 1 << 20))
    throw malformed(`device ${shown(path)} has the number ${major}:${minor}, which Linux does not have`)
  return { major, minor }
}

/** Undefined: to be passed over. */
export const normalise = (header: Header, size: number, { pax }: Preface, limits: LayerLimits): Entry | undefined => {
  const path = cleanPath(header.name, limits)
  const type = TYPES[header.flag]!
  const hides = path.includes(PREFIX) ? whiteout(path) : 'none'
  if (hides === undefined) return undefined
  const { mode, uid, gid, mtime } = header
  if (hides !== 'none') return { ...hides, type: 'file', mode, uid, gid, mtime, size: 0, xattrs: NO_XATTRS, exists: false }
  if (path === '' && type !== 'directory') throw malformed(`entry ${shown(header.name)} has the name of the root and is no folder`)
  if (size > limits.fileBytes) throw limitExceeded(limits, 'fileBytes', shown(path))
  const { kept, opaque } = checkXattrs(pax === undefined ? NO_XATTRS : paxXattrs(pax), type, path, limits)
  const device = deviceOf(header, type, path)
  const hidden = type === 'character' && device.major === 0 && device.minor === 0
  return {
    path,
    type: hidden ? 'file' : type,
    mode,
    uid,
    gid,
    mtime,
    size: type === 'file' ? size : 0,
    xattrs: kept,
    exists: !hidden,
    ...(hidden ? { whiteout: 'hidden' } : opaque ? { whiteout: 'opaque' } : undefined),
    ...linkOf(header, type, path, limits),
    ...(hidden ? undefined : device),
  }
}
