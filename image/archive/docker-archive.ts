/**
 * What `docker save` writes: manifest.json with a row for each image, its config and its layers as files. There is no manifest in it, so one
 * is made; the config, whose digest is the image’s id, is as it was. docker: image/spec/v1.2.md, "Combined Image JSON + Filesystem Changeset".
 */
import { createHash } from 'node:crypto'
import { WherryError } from '../../runtime/errors.ts'
import { shown } from '../layer/bytes.ts'
import { type Digest, digestFrom, digestOf } from '../digest.ts'
import type { Document } from '../source.ts'
import { parseImageConfig } from '../spec/config.ts'
import { type JsonObject, list, object, optional, required, rootPath, text } from '../spec/field.ts'
import { formatManifest } from '../spec/format.ts'
import { LARGEST_DOCUMENT, parseJson } from '../spec/json.ts'
import { MOST_LAYERS } from '../spec/manifest.ts'
import { OCI_CONFIG, OCI_LAYER, OCI_LAYER_GZIP, OCI_LAYER_ZSTD, OCI_MANIFEST } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import { type ArchivedImage, nameOf } from './archive.ts'
import { BlobSource } from './blob-source.ts'
import type { Files } from './files.ts'
import { type Packing, packingOf } from './packing.ts'

const MOST_IMAGES = 10_000
const MANIFEST = 'manifest.json'

export const isDockerArchive = (files: Files): boolean => files.size(MANIFEST) !== undefined || files.size('repositories') !== undefined

interface Row {
  readonly config: string
  readonly tags: readonly string[]
  readonly layers: readonly string[]
}

const strings =
  (most: number) =>
  (value: unknown, path: string): readonly string[] =>
    value === null ? [] : list(text, most)(value, path)

const rowOf = (value: unknown, path: string): Row => {
  const from: JsonObject = object(value, path)
  return {
    config: required(from, path, 'Config', text),
    tags: optional(from, path, 'RepoTags', strings(MOST_IMAGES)).RepoTags ?? [],
    layers: optional(from, path, 'Layers', strings(MOST_LAYERS)).Layers ?? [],
  }
}

/** Throws `invalid-argument`; `unsupported` for archives of docker before 1.10. */
export const readDockerArchive = (files: Files): ArchivedImage[] => {
  if (files.size(MANIFEST) === undefined) {
    if (files.size('repositories') !== undefined)
      throw new WherryError(
        'unsupported',
        `${files.name}: has only a file "repositories", as docker before 1.10 wrote it: load and save it with a newer docker`,
      )
    throw new WherryError('invalid-argument', `${files.name}: has no ${MANIFEST}: this is nothing that docker save has made`)
  }
  const what = `${files.name}: ${MANIFEST}`
  const rows = list(rowOf, MOST_IMAGES)(parseJson(files.read(MANIFEST, LARGEST_DOCUMENT), what), rootPath(what))
  return rows.map((row, index) => ({
    labels: row.tags,
    names: row.tags.flatMap((tag) => nameOf(tag) ?? []),
    index,
    source: () => sourceOf(files, row, row.tags[0] === undefined ? `${files.name}:@${index}` : `${files.name}:${row.tags[0]}`),
  }))
}

const MEDIA_TYPES: Readonly<Record<Packing, string | undefined>> = {
  none: OCI_LAYER,
  gzip: OCI_LAYER_GZIP,
  zstd: OCI_LAYER_ZSTD,
  bzip2: undefined,
  xz: undefined,
}

const sourceOf = (files: Files, row: Row, name: string): BlobSource => {
  const paths = new Map<Digest, string>()
  let made: Document | undefined
  const named = async (): Promise<Document> => {
    made ??= await documentFor(files, row, name, paths)
    return made
  }
  const documentAt = (digest: Digest): Document | undefined => (made?.digest === digest ? made : undefined)
  return new BlobSource({ name, files, pathOf: (digest) => paths.get(digest), named, documentAt })
}

const documentFor = async (files: Files, row: Row, name: string, paths: Map<Digest, string>): Promise<Document> => {
  if (files.size(row.config) === undefined) throw missing(name, 'config', row.config)
  const bytes = files.read(row.config, LARGEST_DOCUMENT)
  const config = parseImageConfig(bytes, `${name}: config ${shown(row.config)}`)
  const { diff_ids: diffIDs } = config.rootfs
  if (diffIDs.length !== row.layers.length)
    throw new WherryError(
      'invalid-argument',
      `${name}: ${MANIFEST} has ${row.layers.length} layers, the config has diff-ids of ${diffIDs.length}`,
    )
  const configDescriptor = { mediaType: OCI_CONFIG, digest: digestOf(bytes), size: bytes.length }
  paths.set(configDescriptor.digest, row.config)
  const layers: Descriptor[] = []
  for (const [index, path] of row.layers.entries()) {
    const layer = await layerAt(files, path, diffIDs[index]!, name)
    paths.set(layer.digest, path)
    layers.push(layer)
  }
  const manifest = formatManifest({ mediaType: OCI_MANIFEST, config: configDescriptor, layers })
  return { mediaType: OCI_MANIFEST, digest: digestOf(manifest), bytes: manifest }
}

/** An uncompressed layer has its diff-id for a digest, which who reads it verifies; a compressed one must be read for its own. */
const layerAt = async (files: Files, path: string, diffID: Digest, name: string): Promise<Descriptor> => {
  const size = files.size(path)
  if (size === undefined) throw missing(name, 'layer', path)
  const packing = await packingOf(files.stream(path))
  const mediaType = MEDIA_TYPES[packing]
  if (mediaType === undefined)
    throw new WherryError('unsupported', `${name}: layer ${shown(path)} is compressed with ${packing}: save the image again`)
  if (packing === 'none') return { mediaType, digest: diffID, size }
  const hash = createHash('sha256')
  for await (const chunk of files.stream(path)) hash.update(chunk)
  return { mediaType, digest: digestFrom('sha256', hash), size }
}

const missing = (name: string, noun: string, path: string): WherryError =>
  new WherryError('not-found', `${name}: ${noun} ${shown(path)} is not in the archive: it is incomplete`)
