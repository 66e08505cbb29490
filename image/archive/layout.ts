/** OCI image layouts, as folders and in tar archives: image-spec image-layout.md. */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { line, object, required, rootPath } from '../spec/field.ts'
import { LARGEST_DOCUMENT, parseJson } from '../spec/json.ts'
import { parseIndex } from '../spec/manifest.ts'
import { isIndexType, isManifestType, OCI_INDEX } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import { type ArchivedImage, nameOf } from './archive.ts'
import { BlobSource, documentOf, layoutPath } from './blob-source.ts'
import type { Files } from './files.ts'

export const REF_NAME = 'org.opencontainers.image.ref.name'
/** The whole name, where containerd and docker have the tag alone in `REF_NAME`. */
export const IMAGE_NAME = 'io.containerd.image.name'

const MARKER = 'oci-layout'
const MOST_IMAGES = 10_000

export const isLayout = (files: Files): boolean => files.size(MARKER) !== undefined && files.size('index.json') !== undefined

const checkVersion = (files: Files): void => {
  if (files.size(MARKER) === undefined)
    throw new WherryError('invalid-argument', `${files.name}: has no file ${MARKER}: this is no OCI image layout`)
  const what = `${files.name}: ${MARKER}`
  const version = required(object(parseJson(files.read(MARKER, 4096), what), rootPath(what)), rootPath(what), 'imageLayoutVersion', line)
  if (!/^1\./.test(version)) throw new WherryError('unsupported', `${what}: layout version ${version} is not supported: 1.0.0 is`)
}

/** One for each digest, with all the names it has in the index. Throws `invalid-argument`, `unsupported`. */
export const readLayout = (files: Files): ArchivedImage[] => {
  checkVersion(files)
  const what = `${files.name}: index.json`
  const { manifests } = parseIndex({ bytes: files.read('index.json', LARGEST_DOCUMENT), mediaType: OCI_INDEX }, what, {
    manifests: MOST_IMAGES,
  })
  const byDigest = new Map<Digest, { descriptor: Descriptor; labels: string[]; names: string[] }>()
  for (const descriptor of manifests) {
    if (!isManifestType(descriptor.mediaType) && !isIndexType(descriptor.mediaType)) continue
    const image = byDigest.get(descriptor.digest) ?? { descriptor, labels: [], names: [] }
    byDigest.set(descriptor.digest, image)
    const reference = descriptor.annotations?.[REF_NAME]
    const whole = descriptor.annotations?.[IMAGE_NAME]
    for (const label of [reference, whole]) if (label !== undefined && !image.labels.includes(label)) image.labels.push(label)
    const name = nameOf(whole ?? '') ?? nameOf(reference ?? '')
    if (name !== undefined && !image.names.includes(name)) image.names.push(name)
  }
  return [...byDigest.values()].map(({ descriptor, labels, names }, index) => ({
    labels,
    names,
    index,
    source: () => layoutSource(files, descriptor, labels[0] === undefined ? `${files.name}:@${index}` : `${files.name}:${labels[0]}`),
  }))
}

const layoutSource = (files: Files, { digest, mediaType, size }: Descriptor, name: string): BlobSource =>
  new BlobSource({
    name,
    files,
    pathOf: layoutPath,
    named: () => {
      const path = layoutPath(digest)
      if (files.size(path) === undefined)
        throw new WherryError('not-found', `${name}: manifest ${digest} is not in it: the archive is incomplete`)
      const bytes = files.read(path, LARGEST_DOCUMENT)
      if (bytes.length !== size)
        throw new WherryError(
          'data-loss',
          `${name}: manifest ${digest} has ${bytes.length} bytes, index.json says ${size}: the archive is damaged`,
        )
      return documentOf(bytes, `${name}: manifest ${digest}`, digest, mediaType)
    },
  })
