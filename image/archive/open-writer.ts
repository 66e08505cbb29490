/** Archives and folders as targets. */
import type { ArchiveFormat } from './open-archive.ts'
import { dirWriter } from './dir-writer.ts'
import { dockerWriter } from './docker-writer.ts'
import { layoutInFolder } from './layout-folder.ts'
import { layoutInTar, layoutWriter } from './layout-writer.ts'
import { openOutput } from './output.ts'
import type { ArchiveWriter } from './writer.ts'
import { WherryError } from '../../runtime/errors.ts'

export interface OpenWriterOptions {
  readonly format: ArchiveFormat
  /** Folder for temporary files: the store’s. */
  readonly temporary: string
}

/** `where`: a path, or a descriptor to write an archive to (standard output), which is not closed. */
export const openWriter = (where: string | number, { format, temporary }: OpenWriterOptions): ArchiveWriter => {
  if (format === 'docker-archive') return dockerWriter(openOutput(where), temporary)
  if (format === 'oci-archive') return layoutWriter(layoutInTar(openOutput(where), temporary))
  if (typeof where === 'number') throw new WherryError('invalid-argument', `format ${format} is a folder: name one with --output`)
  return format === 'oci-dir' ? layoutWriter(layoutInFolder(where)) : dirWriter(where)
}
