/** The `dir:` transport of containers-image: manifest.json, version, and blobs named by their hexadecimal digests. */
import { WherryError } from '../../runtime/errors.ts'
import { type Digest, encodedOf } from '../digest.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import type { ArchivedImage } from './archive.ts'
import { BlobSource, documentOf } from './blob-source.ts'
import type { Files } from './files.ts'

const VERSION = /^Directory Transport Version: 1\.[01]\n?$/

export const isDir = (files: Files): boolean => files.size('version') !== undefined && files.size('manifest.json') !== undefined

const checkVersion = (files: Files): void => {
  if (files.size('manifest.json') === undefined)
    throw new WherryError('invalid-argument', `${files.name}: has no manifest.json: this is no folder that skopeo copy … dir: has made`)
  // the first writers of such folders made no such file
  if (files.size('version') === undefined) return
  const text = Buffer.from(files.read('version', 256)).toString()
  if (!VERSION.test(text))
    throw new WherryError('unsupported', `${files.name}: version ${JSON.stringify(text.trim())} is not supported: 1.0 and 1.1 are`)
}

export const readDir = (files: Files): ArchivedImage[] => {
  checkVersion(files)
  const { name } = files
  const documentAt = (digest: Digest): ReturnType<typeof documentOf> | undefined => {
    const path = `${encodedOf(digest)}.manifest.json`
    return files.size(path) === undefined
      ? undefined
      : documentOf(files.read(path, LARGEST_DOCUMENT), `${name}: manifest ${digest}`, digest)
  }
  const named = (): ReturnType<typeof documentOf> => documentOf(files.read('manifest.json', LARGEST_DOCUMENT), `${name}: manifest.json`)
  const pathOf = (digest: Digest): string => encodedOf(digest)
  return [{ names: [], labels: [], index: 0, source: () => new BlobSource({ name, files, pathOf, named, documentAt }) }]
}
