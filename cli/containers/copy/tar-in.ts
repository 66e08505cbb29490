/** A tar archive into a folder. Names are made clean; what would lead out of the folder is refused. */
import { shown } from '../../../image/layer/bytes.ts'
import type { EntryType } from '../../../image/layer/entry.ts'
import { DEFAULT_LIMITS, limitExceeded } from '../../../image/layer/limits.ts'
import { cleanPath } from '../../../image/layer/names.ts'
import type { Header, Preface } from '../../../image/layer/tar/header.ts'
import { malformed } from '../../../image/layer/tar/malformed.ts'
import { paxXattrs } from '../../../image/layer/tar/pax.ts'
import { TarReader } from '../../../image/layer/tar/reader.ts'
import type { Item } from './item.ts'
import type { Placer } from './place.ts'

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

/** overlayfs would obey what stands in these, and the kernel keeps the others for itself. */
const COMMANDING = /^(?:trusted\.|user\.overlay\.|security\.selinux$)/

const linkOf = ({ linkname }: Header, type: EntryType, path: string): { link?: string } => {
  if (type === 'symlink') {
    if (linkname === '') throw malformed(`symlink ${shown(path)} has no target`)
    return { link: linkname }
  }
  if (type !== 'hardlink') return {}
  const link = cleanPath(linkname, DEFAULT_LIMITS, `hard link ${shown(path)} to`)
  if (link === '') throw malformed(`hard link ${shown(path)} leads to the folder itself`)
  return { link }
}

const itemOf = (header: Header, size: number, { pax }: Preface): Item => {
  const path = cleanPath(header.name, DEFAULT_LIMITS)
  const type = TYPES[header.flag]!
  const { mode, uid, gid, mtime, major, minor } = header
  if (path === '' && type !== 'directory') throw malformed(`entry ${shown(header.name)} has the name of the folder and is none`)
  const xattrs = pax === undefined ? [] : [...paxXattrs(pax)].filter(([name]) => !COMMANDING.test(name))
  return {
    ...{ path, type, mode, uid, gid, mtime, size: type === 'file' ? size : 0, xattrs: new Map(xattrs) },
    ...linkOf(header, type, path),
    ...(type === 'character' || type === 'block' ? { major, minor } : {}),
  }
}

/** Throws `invalid-argument` for what is no archive, and what placing throws. The placer is the caller’s to end. */
export const readTar = async (bytes: AsyncIterable<Uint8Array>, placer: Placer, signal: AbortSignal): Promise<number> => {
  let entries = 0
  const reader = new TarReader((header, size, preface) => {
    if (++entries > DEFAULT_LIMITS.entries) throw limitExceeded(DEFAULT_LIMITS, 'entries')
    return placer.take(itemOf(header, size, preface))
  })
  for await (const chunk of bytes) {
    signal.throwIfAborted()
    reader.push(chunk)
  }
  reader.end()
  return entries
}
