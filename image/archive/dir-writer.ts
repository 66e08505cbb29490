/** `dir:` as a target: one image in a folder of its own. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { encodedOf } from '../digest.ts'
import type { ImageTarget } from '../source.ts'
import { makeFolder, syncFolder, writeFileWhole } from './folder-place.ts'
import { verified } from './verified.ts'
import type { ArchiveWriter } from './writer.ts'

const VERSION = Buffer.from('Directory Transport Version: 1.1\n')

export const dirWriter = (folder: string): ArchiveWriter => {
  const name = `dir:${folder}`
  const isNew = makeFolder(folder)
  if (!isNew && readdirSync(folder).length > 0)
    throw new WherryError('already-exists', `${name}: the folder is not empty, and one image is all that it can hold; name another one`)
  const written = new Set<string>()
  let state: 'empty' | 'taken' | 'committed' | 'closed' = 'empty'
  const put = async (path: string, bytes: AsyncIterable<Uint8Array>): Promise<void> => {
    written.add(path)
    await writeFileWhole(folder, path, bytes)
  }
  const target: ImageTarget = {
    name,
    hasBlob: async ({ digest }) => existsSync(`${folder}/${encodedOf(digest)}`),
    putBlob: (descriptor, open) => put(encodedOf(descriptor.digest), verified(open(), descriptor, name)),
    putDocument: ({ digest, bytes }, named) => put(named ? 'manifest.json' : `${encodedOf(digest)}.manifest.json`, one(bytes)),
    commit: async () => {},
    close: async () => {},
  }
  return {
    name,
    image: () => {
      if (state !== 'empty')
        throw new WherryError('invalid-argument', `${name}: such a folder holds one image; use an OCI layout for several`)
      state = 'taken'
      return target
    },
    commit: async () => {
      await put('version', one(VERSION))
      syncFolder(folder)
      state = 'committed'
    },
    close: async () => {
      if (state === 'committed' || state === 'closed') return
      state = 'closed'
      if (isNew) rmSync(folder, { recursive: true, force: true })
      else for (const path of written) rmSync(`${folder}/${path}`, { force: true })
    },
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
