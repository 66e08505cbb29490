/** An image’s root file system as one tar archive, as `tar -x`, `docker import` and `wherry image import` read it. */
import { closeSync, constants, openSync, readlinkSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { decodeBytes } from '../layer/bytes.ts'
import { parseImageConfig } from '../spec/config.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import { layerIdentities } from '../store/chain-id.ts'
import type { Store, StoredImage } from '../store/types.ts'
import { dataExtents, sparseMap } from './extents.ts'
import { type MergedEntry, mergedTree } from './merged.ts'
import { openOutput, type Output } from './output.ts'
import { type Range, readRange, streamRange } from './read-range.ts'
import { encodeHeader, END, padding, type TarHeader } from './tar-header.ts'
import { storeSource } from './store-source.ts'
import { collect, verified } from './verified.ts'
import { parseManifest } from '../spec/manifest.ts'

export interface Exported {
  readonly entries: number
  /** Of the archive. */
  readonly bytes: number
  /** Sockets: tar has no word for them. */
  readonly skipped: readonly string[]
}

const typeOf = ({ stat }: MergedEntry): TarHeader['type'] | undefined =>
  stat.isFile()
    ? 'file'
    : stat.isDirectory()
      ? 'directory'
      : stat.isSymbolicLink()
        ? 'symlink'
        : stat.isCharacterDevice()
          ? 'character'
          : stat.isBlockDevice()
            ? 'block'
            : stat.isFIFO()
              ? 'fifo'
              : undefined

/** linux/kdev_t.h, as stat(2) has it. */
const major = (device: bigint): number => Number(((device >> 32n) & 0xfffff000n) | ((device >> 8n) & 0xfffn))
const minor = (device: bigint): number => Number(((device >> 12n) & 0xffffff00n) | (device & 0xffn))

const headerOf = (entry: MergedEntry, type: TarHeader['type']): TarHeader => {
  const { stat, path, xattrs } = entry
  const isDevice = type === 'character' || type === 'block'
  return {
    name: type === 'directory' ? (path === '' ? './' : `${path}/`) : path,
    type,
    mode: Number(stat.mode & 0o7777n),
    uid: Number(stat.uid),
    gid: Number(stat.gid),
    mtime: stat.mtimeNs,
    size: type === 'file' ? Number(stat.size) : 0,
    ...(type === 'symlink' ? { link: decodeBytes(readlinkSync(entry.at, { encoding: 'buffer' })) } : {}),
    ...(isDevice ? { major: major(stat.rdev), minor: minor(stat.rdev) } : {}),
    ...(xattrs.size === 0 ? {} : { xattrs }),
  }
}

/** `roots`: unpacked layers, topmost first. The archive is ended, not committed. */
export const exportTree = async (roots: readonly string[], output: Output, signal?: AbortSignal): Promise<Exported> => {
  const firstNames = new Map<string, string>()
  const skipped: string[] = []
  let entries = 0
  for (const entry of mergedTree(roots)) {
    signal?.throwIfAborted()
    const type = typeOf(entry)
    if (type === undefined) {
      skipped.push(entry.path)
      continue
    }
    entries++
    const { stat, layer, path } = entry
    const inode = type === 'directory' || stat.nlink < 2n ? undefined : `${layer} ${stat.dev} ${stat.ino}`
    const first = inode === undefined ? undefined : firstNames.get(inode)
    const header = headerOf(entry, type)
    if (first !== undefined) {
      const { xattrs: _, ...bare } = header
      await output.append(encodeHeader({ ...bare, type: 'hardlink', size: 0, link: first }))
      continue
    }
    if (inode !== undefined) firstNames.set(inode, path)
    if (type === 'file' && header.size > 0) await writeFile(entry, header, output, signal)
    else await output.append(encodeHeader(header))
  }
  await output.append(END)
  return { entries, bytes: output.position, skipped }
}

/** Bytes that are read at once: most files have no more, and a thread’s attention costs more than they do. */
const SMALL = 128 * 1024

const writeFile = async (entry: MergedEntry, header: TarHeader, output: Output, signal: AbortSignal | undefined): Promise<void> => {
  const fd = openSync(entry.at, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const sparse = entry.stat.blocks * 512n < entry.stat.size ? dataExtents(fd, header.size) : undefined
    const parts: readonly Range[] = sparse ?? [{ offset: 0, length: header.size }]
    let size = header.size
    if (sparse === undefined) await output.append(encodeHeader(header))
    else {
      const map = sparseMap(sparse, header.size)
      size = map.length + sparse.reduce((sum, { length }) => sum + length, 0)
      await output.append(Buffer.concat([encodeHeader(sparseHeader(header, size)), map]))
    }
    for (const part of parts)
      if (part.length <= SMALL) await output.append(readRange(fd, part, entry.path))
      else for await (const chunk of streamRange(fd, part, entry.path, signal)) await output.append(chunk)
    await output.append(Buffer.alloc(padding(size)))
  } finally {
    closeSync(fd)
  }
}

/** GNU tar manual, "Storing Sparse Files", version 1.0. */
const sparseHeader = (header: TarHeader, size: number): TarHeader => ({
  ...header,
  name: `GNUSparseFile.0/${header.name.slice(header.name.lastIndexOf('/') + 1)}`,
  size,
  pax: new Map([
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', header.name],
    ['GNU.sparse.realsize', String(header.size)],
  ]),
})

export interface ExportOptions {
  /** A path, or a descriptor (standard output), which is not closed. */
  readonly output: string | number
  readonly signal?: AbortSignal
}

/** `wanted`: a name or id. Its layers must be unpacked, as they are after a pull. */
export const exportImage = async (store: Store, wanted: string, { output: where, signal }: ExportOptions): Promise<Exported> => {
  const image = store.images.find(wanted)
  if (image === undefined) throw new WherryError('not-found', `${wanted}: there is no such image; wherry images lists those there are`)
  const lease = await store.lease()
  try {
    await lease.add(...store.images.reach(image))
    const roots = await rootsOf(store, image)
    const output = openOutput(where)
    try {
      const exported = await exportTree(roots, output, signal)
      await output.commit()
      return exported
    } finally {
      output.close()
    }
  } finally {
    await lease.end()
  }
}

/** Topmost first. */
const rootsOf = async (store: Store, image: StoredImage): Promise<string[]> => {
  const source = storeSource(store, image)
  const { config } = parseManifest(await source.document(), source.name)
  const bytes = await collect(verified(source.blob(config), config, source.name), LARGEST_DOCUMENT, source.name)
  const { diff_ids: diffIDs } = parseImageConfig(bytes, source.name).rootfs
  return layerIdentities(diffIDs)
    .map((identity) => {
      const layer = store.layers.find(identity)
      if (layer === undefined)
        throw new WherryError('failed-precondition', `${source.name}: layer ${identity.diffID} is not unpacked: pull the image again`)
      return layer.root
    })
    .reverse()
}
