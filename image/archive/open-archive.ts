/** Opens archives and folders of images, whatever they are; pipes and compressed archives go through a temporary file. */
import { closeSync, fstatSync, openSync, statSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { WherryError } from '../../runtime/errors.ts'
import { O_CLOEXEC, O_RDONLY } from '../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { Archive } from './archive.ts'
import { isDir, readDir } from './dir.ts'
import { isDockerArchive, readDockerArchive } from './docker-archive.ts'
import type { Files } from './files.ts'
import { FolderFiles } from './folder-files.ts'
import { isLayout, readLayout } from './layout.ts'
import { MAGIC_BYTES, packingOfBytes } from './packing.ts'
import { readRange, streamToEnd } from './read-range.ts'
import { TarFiles } from './tar-files.ts'
import { temporaryFile } from './temporary.ts'
import { DEFAULT_UNPACKING, type Unpacking, unpackStream } from './unpack-stream.ts'

export type ArchiveFormat = Archive['format']

export interface OpenArchiveOptions {
  /** Folder on whose file system temporary files are made: the store’s. */
  readonly temporary: string
  /** Default: found out. Docker’s newer archives are OCI layouts as well, and read as those. */
  readonly format?: ArchiveFormat
  readonly limits?: Unpacking
  readonly signal?: AbortSignal
}

/** `where`: a path, or an open descriptor (standard input), which is not closed. Throws `not-found`, `invalid-argument`, `data-loss` … */
export const openArchive = async (where: string | number, options: OpenArchiveOptions): Promise<Archive> => {
  const { format } = options
  const path = typeof where === 'string' ? where : 'standard input'
  const folder = typeof where === 'string' && isFolder(where, path)
  if (format !== undefined && folder !== format.endsWith('-dir'))
    throw new WherryError('invalid-argument', `${path}: is ${folder ? 'a folder' : 'no folder'}, so it cannot be of format ${format}`)
  const prefix = format === undefined ? '' : `${PREFIXES[format]}:`
  const files = folder ? new FolderFiles(path, prefix + path) : await tarFiles(where, prefix + path, options)
  try {
    const found = format ?? recognise(files, folder)
    return { name: files.name, format: found, images: READERS[found](files), close: () => files.close() }
  } catch (error) {
    files.close()
    throw error
  }
}

const PREFIXES: Readonly<Record<ArchiveFormat, string>> = {
  'oci-archive': 'oci-archive',
  'oci-dir': 'oci',
  'docker-archive': 'docker-archive',
  'docker-dir': 'dir',
}

const READERS = {
  'oci-archive': readLayout,
  'oci-dir': readLayout,
  'docker-archive': readDockerArchive,
  'docker-dir': readDir,
} as const

const recognise = (files: Files, folder: boolean): ArchiveFormat => {
  if (isLayout(files)) return folder ? 'oci-dir' : 'oci-archive'
  if (folder && isDir(files)) return 'docker-dir'
  if (!folder && isDockerArchive(files)) return 'docker-archive'
  throw new WherryError(
    'invalid-argument',
    `${files.name}: holds neither an OCI image layout (oci-layout, index.json) nor what docker save makes (manifest.json); a root file system is for wherry image import`,
  )
}

const isFolder = (path: string, name: string): boolean => {
  try {
    return statSync(path).isDirectory()
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new WherryError('not-found', `${name}: there is no such file or folder`, { cause: error })
    throw error
  }
}

const tarFiles = async (where: string | number, name: string, options: OpenArchiveOptions): Promise<TarFiles> => {
  const fd = typeof where === 'string' ? openSync(where, O_RDONLY | O_CLOEXEC) : where
  let kept = false
  try {
    const stat = fstatSync(fd)
    if (stat.isFile() && typeof where === 'string') {
      const head = readRange(fd, { offset: 0, length: Math.min(stat.size, MAGIC_BYTES) }, name)
      if (packingOfBytes(head) === 'none') {
        kept = true
        return new TarFiles(fd, stat.size, name)
      }
    }
    const packed = streamToEnd(fd, options.signal)
    const { bytes } = await unpackStream(packed, name, options.limits ?? DEFAULT_UNPACKING)
    return await spool(bytes, name, options)
  } finally {
    if (typeof where === 'string' && !kept) closeSync(fd)
  }
}

const writeAt = promisify(write)

/** Writes the bytes to a temporary file. Returns its descriptor and size. */
export const spoolBytes = async (
  bytes: AsyncIterable<Uint8Array>,
  { temporary, signal }: Pick<OpenArchiveOptions, 'temporary' | 'signal'>,
  seen?: (chunk: Uint8Array) => void,
): Promise<{ readonly fd: number; readonly size: number }> => {
  const fd = temporaryFile(temporary)
  try {
    let size = 0
    for await (const chunk of bytes) {
      signal?.throwIfAborted()
      seen?.(chunk)
      for (let done = 0; done < chunk.length; ) {
        const { bytesWritten } = await writeAt(fd, chunk, done, chunk.length - done, size + done)
        done += bytesWritten
      }
      size += chunk.length
    }
    return { fd, size }
  } catch (error) {
    closeSync(fd)
    if (isErrno(error, 'ENOSPC', 'EDQUOT'))
      throw new WherryError('resource-exhausted', `${temporary}: no room for a temporary file: free some space there`, { cause: error })
    throw error
  }
}

const spool = async (bytes: AsyncIterable<Uint8Array>, name: string, options: OpenArchiveOptions): Promise<TarFiles> => {
  const { fd, size } = await spoolBytes(bytes, options)
  return new TarFiles(fd, size, name)
}
