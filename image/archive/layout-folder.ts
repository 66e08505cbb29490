/** `oci:` as a target: a new layout, or one more image in a layout that is there. */
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { formatIndex } from '../spec/format.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import { parseIndex } from '../spec/manifest.ts'
import { OCI_INDEX } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import { FolderFiles } from './folder-files.ts'
import { makeFolder, syncFolder, writeFileWhole } from './folder-place.ts'
import { isLayout, REF_NAME } from './layout.ts'
import { type LayoutPlace, MARKER } from './layout-writer.ts'

/** Names that the new entries have leave the old ones. */
const merged = (old: readonly Descriptor[], added: readonly Descriptor[]): Descriptor[] => {
  const taken = new Set(added.map(({ annotations }) => annotations?.[REF_NAME]).filter((name) => name !== undefined))
  const digests = new Set(added.map(({ digest }) => digest))
  const kept = old.filter(({ annotations, digest }) => {
    const name = annotations?.[REF_NAME]
    return name === undefined ? !digests.has(digest) : !taken.has(name)
  })
  return [...kept, ...added]
}

export const layoutInFolder = (folder: string): LayoutPlace => {
  const isNew = makeFolder(folder)
  const name = `oci:${folder}`
  const there = readdirSync(folder)
  const files = new FolderFiles(folder, name)
  if (there.length > 0 && !isLayout(files)) {
    files.close()
    throw new WherryError('already-exists', `${name}: the folder is neither empty nor an OCI image layout; name another one`)
  }
  let old: readonly Descriptor[] = []
  if (there.length > 0)
    old = parseIndex({ bytes: files.read('index.json', LARGEST_DOCUMENT), mediaType: OCI_INDEX }, `${name}: index.json`).manifests
  files.close()
  let committed = false
  return {
    name,
    has: (path) => existsSync(`${folder}/${path}`),
    put: (path, _size, bytes) => writeFileWhole(folder, path, bytes),
    commit: async (entries) => {
      if (there.length === 0) await writeFileWhole(folder, 'oci-layout', one(MARKER))
      for (const algorithm of readdirSync(`${folder}/blobs`)) syncFolder(`${folder}/blobs/${algorithm}`)
      await writeFileWhole(folder, 'index.json', one(formatIndex({ mediaType: OCI_INDEX, manifests: merged(old, entries) })))
      syncFolder(folder)
      committed = true
    },
    close: () => {
      if (committed) return
      committed = true
      if (isNew) rmSync(folder, { recursive: true, force: true })
      else if (there.length === 0)
        for (const path of ['blobs', 'oci-layout', 'index.json']) rmSync(`${folder}/${path}`, { recursive: true, force: true })
    },
  }
}

async function* one(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}
