/** Items as a tar archive. */
import { readSync } from 'node:fs'
import type { Output } from '../../../image/archive/output.ts'
import { encodeHeader, END, padding } from '../../../image/archive/tar-header.ts'
import type { SourceItem } from './item.ts'

const CHUNK = 256 * 1024

/** What a file has lost since its header was written is zeros, as with GNU tar: the archive stays whole. */
const writeContent = async (output: Output, fd: number, size: number): Promise<void> => {
  for (let done = 0; done < size; ) {
    const bytes = Buffer.alloc(Math.min(CHUNK, size - done))
    let filled = 0
    while (filled < bytes.length) {
      const count = readSync(fd, bytes, filled, bytes.length - filled, done + filled)
      if (count === 0) break
      filled += count
    }
    await output.append(bytes)
    done += bytes.length
  }
  await output.append(Buffer.alloc(padding(size)))
}

/** The folder that all is in is called `.`. */
const nameOf = ({ path, type }: SourceItem): string => {
  const name = path === '' ? '.' : path
  return type === 'directory' ? `${name}/` : name
}

/** One entry with its content. */
export const writeItem = async (item: SourceItem, output: Output): Promise<void> => {
  const { type, mode, uid, gid, mtime, size, link, major, minor, xattrs } = item
  const header = {
    ...{ name: nameOf(item), type, mode, uid, gid, mtime, size, xattrs },
    ...(link === undefined ? {} : { link }),
    ...(major === undefined ? {} : { major, minor: minor ?? 0 }),
  }
  await output.append(encodeHeader(header))
  if (type === 'file' && item.fd !== undefined) await writeContent(output, item.fd, size)
}

/** The archive is ended and committed; how many entries there are. */
export const writeTar = async (items: Iterable<SourceItem>, output: Output, signal: AbortSignal): Promise<number> => {
  let entries = 0
  for (const item of items) {
    signal.throwIfAborted()
    await writeItem(item, output)
    entries++
  }
  await output.append(END)
  await output.commit()
  return entries
}
