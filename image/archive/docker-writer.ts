/** Writes what `docker load` reads: configs, uncompressed layers named by their diff-ids, and a manifest.json that binds them together. */
import { createHash } from 'node:crypto'
import { WherryError } from '../../runtime/errors.ts'
import { type Digest, digestFrom, encodedOf } from '../digest.ts'
import type { Document, ImageTarget } from '../source.ts'
import { parseImageConfig } from '../spec/config.ts'
import { LARGEST_DOCUMENT } from '../spec/json.ts'
import { parseManifest, requireImage } from '../spec/manifest.ts'
import { isConfigType } from '../spec/media-types.ts'
import type { Descriptor } from '../spec/types.ts'
import type { Output } from './output.ts'
import { TarWriter } from './tar-writer.ts'
import { unpackStream } from './unpack-stream.ts'
import { collect, verified } from './verified.ts'
import { type ArchiveWriter, Turns } from './writer.ts'

interface Row {
  readonly Config: string
  readonly RepoTags: readonly string[] | null
  readonly Layers: readonly string[]
}

/** A name that a header has room for, also of the long digests. */
const fileName = (digest: Digest, ending: string): string => `${encodedOf(digest).slice(0, 64)}.${ending}`

class Contents {
  readonly tar: TarWriter
  readonly rows: Row[] = []
  readonly turns = new Turns()
  /** What each compressed layer was when it was inflated. */
  readonly diffIDs = new Map<Digest, Digest>()
  readonly configs = new Map<Digest, Uint8Array>()
  readonly #written = new Set<string>()

  constructor(tar: TarWriter) {
    this.tar = tar
  }

  async layer(descriptor: Descriptor, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    const { name } = this.tar.output
    const { bytes } = await unpackStream(verified(open(), descriptor, name), `${name}: layer ${descriptor.digest}`)
    const hash = createHash('sha256')
    const hashed = async function* (): AsyncGenerator<Uint8Array> {
      for await (const chunk of bytes) {
        hash.update(chunk)
        yield chunk
      }
    }
    let diffID: Digest | undefined
    await this.tar.unsized(hashed(), () => {
      diffID ??= digestFrom('sha256', hash)
      // another image may have the same layer in another compression: what is there twice has a name that nothing refers to
      const again = [...this.diffIDs.values()].filter((one) => one === diffID).length
      return fileName(diffID, again === 0 ? 'tar' : `${again}.tar`)
    })
    this.diffIDs.set(descriptor.digest, diffID!)
  }

  async config(digest: Digest, bytes: Uint8Array): Promise<void> {
    const path = fileName(digest, 'json')
    if (this.#written.has(path)) return
    await this.tar.file(path, bytes)
    this.#written.add(path)
  }
}

class DockerTarget implements ImageTarget {
  readonly name: string
  readonly #contents: Contents
  readonly #names: readonly string[]
  #row: Row | undefined

  constructor(contents: Contents, names: readonly string[]) {
    this.name = contents.tar.output.name
    this.#contents = contents
    this.#names = names
  }

  async hasBlob({ digest }: Descriptor): Promise<boolean> {
    return this.#contents.diffIDs.has(digest) || this.#contents.configs.has(digest)
  }

  putBlob(descriptor: Descriptor, open: () => AsyncIterable<Uint8Array>): Promise<void> {
    const contents = this.#contents
    return contents.turns.take(async () => {
      if (await this.hasBlob(descriptor)) return
      if (!isConfigType(descriptor.mediaType)) return contents.layer(descriptor, open)
      contents.configs.set(
        descriptor.digest,
        await collect(verified(open(), descriptor, this.name), LARGEST_DOCUMENT, `${this.name}: config ${descriptor.digest}`),
      )
    })
  }

  async putDocument({ bytes, mediaType, digest }: Document, named: boolean): Promise<void> {
    if (!named) return
    const what = `${this.name}: manifest ${digest}`
    const manifest = parseManifest({ bytes, mediaType }, what)
    requireImage(manifest, what)
    const config = this.#contents.configs.get(manifest.config.digest)
    if (config === undefined)
      throw new WherryError('failed-precondition', `${what}: its config ${manifest.config.digest} has not been written`)
    const { diff_ids: wanted } = parseImageConfig(config, what).rootfs
    const layers = manifest.layers.map((layer, index) => this.#layerFile(layer.digest, wanted[index], what))
    await this.#contents.turns.take(() => this.#contents.config(manifest.config.digest, config))
    const tags = this.#names.filter((name) => !name.includes('@'))
    this.#row = { Config: fileName(manifest.config.digest, 'json'), RepoTags: tags.length === 0 ? null : tags, Layers: layers }
  }

  #layerFile(digest: Digest, wanted: Digest | undefined, what: string): string {
    const diffID = this.#contents.diffIDs.get(digest)
    if (diffID === undefined) throw new WherryError('failed-precondition', `${what}: layer ${digest} has not been written`)
    if (wanted?.startsWith('sha256:') === true && wanted !== diffID)
      throw new WherryError('data-loss', `${what}: layer ${digest} has diff-id ${diffID}, the config says ${wanted}: the image is damaged`)
    return fileName(diffID, 'tar')
  }

  async commit(): Promise<void> {
    if (this.#row !== undefined) this.#contents.rows.push(this.#row)
  }

  async close(): Promise<void> {}
}

/** `docker-archive:` */
export const dockerWriter = (output: Output, temporary: string): ArchiveWriter => {
  const contents = new Contents(new TarWriter(output, temporary))
  return {
    name: output.name,
    image: (names) => new DockerTarget(contents, names),
    commit: async () => {
      await contents.tar.file('manifest.json', Buffer.from(`${JSON.stringify(contents.rows)}\n`))
      await contents.tar.end()
      await output.commit()
    },
    close: async () => output.close(),
  }
}
