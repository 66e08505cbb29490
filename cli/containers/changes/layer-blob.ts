/**
 * What a container has written as a layer: OCI image-spec layer.md. Whiteouts and opaque folders become the layer’s files of those names, overlayfs’s own
 * attributes go. The same changes make the same archive, byte by byte.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createGzip } from 'node:zlib'
import { spoolBytes } from '../../../image/archive/open-archive.ts'
import type { Output } from '../../../image/archive/output.ts'
import { encodeHeader, END } from '../../../image/archive/tar-header.ts'
import { type Digest, digestFrom } from '../../../image/digest.ts'
import { baseOf, joined, parentOf } from '../../../image/layer/names.ts'
import { OCI_LAYER_GZIP } from '../../../image/spec/media-types.ts'
import type { Descriptor } from '../../../image/spec/types.ts'
import type { ContainerConfig } from '../config.ts'
import type { OnSkip } from '../copy/item.ts'
import { writeItem } from '../copy/tar-out.ts'
import type { Home } from '../home.ts'
import { readChanges } from './changes.ts'
import { walkUpper } from './layer-folder.ts'

export interface LayerBlob {
  /** Of a file without a name; the caller closes it. */
  readonly fd: number
  readonly descriptor: Descriptor
  readonly diffID: Digest
}

export interface LayerBlobOptions {
  /** Folder of a file system with room. */
  readonly temporary: string
  readonly signal: AbortSignal
  readonly onSkip: OnSkip
}

const marker = (name: string): Buffer => encodeHeader({ name, type: 'file', mode: 0, uid: 0, gid: 0, mtime: 0n, size: 0 })

const writeLayer = async (home: Home, config: ContainerConfig, output: Output, { signal, onSkip }: LayerBlobOptions): Promise<void> => {
  const told = new Set(readChanges(home, config).map(({ path }) => path))
  for (const { item, hides, opaque } of walkUpper(home, config, onSkip)) {
    signal.throwIfAborted()
    const { path, type } = item
    // mount points of ours, and folders that have nothing but those
    if (path !== '' && !told.has(path)) continue
    if (hides) await output.append(marker(joined(parentOf(path), `.wh.${baseOf(path)}`)))
    else if (path === '' || !hasUnspeakableName(path)) await writeItem(item, output)
    else onSkip(path, 'has a name that layers have a meaning of their own for')
    if (opaque && type === 'directory') await output.append(marker(joined(path, '.wh..wh..opq')))
  }
  await output.append(END)
}

/** Who unpacks the layer would take it for a whiteout. */
const hasUnspeakableName = (path: string): boolean => path.split('/').some((name) => name.startsWith('.wh.'))

/** Bytes go to the disk compressed; both digests are taken on the way. */
export const makeLayerBlob = async (home: Home, config: ContainerConfig, options: LayerBlobOptions): Promise<LayerBlob> => {
  const unpacked = createHash('sha256')
  const packed = createHash('sha256')
  const gzip = createGzip()
  const spooled = spoolBytes(gzip as AsyncIterable<Uint8Array>, { temporary: options.temporary }, (chunk) => packed.update(chunk))
  // told of where it is waited for
  spooled.catch(() => gzip.destroy())
  let position = 0
  const output: Output = {
    name: `layer of container ${config.name}`,
    get position() {
      return position
    },
    async append(bytes) {
      position += bytes.length
      unpacked.update(bytes)
      // the bytes are the caller's again
      if (!gzip.write(Uint8Array.from(bytes))) await Promise.race([once(gzip, 'drain'), spooled])
    },
    commit: async () => {},
    close: () => {},
  }
  try {
    await writeLayer(home, config, output, options)
    gzip.end()
  } catch (error) {
    gzip.destroy(error instanceof Error ? error : new Error(String(error)))
    await spooled.catch(() => undefined)
    throw error
  }
  const { fd, size } = await spooled
  return {
    fd,
    descriptor: { mediaType: OCI_LAYER_GZIP, digest: digestFrom('sha256', packed), size },
    diffID: digestFrom('sha256', unpacked),
  }
}
