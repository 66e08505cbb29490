/** One blob of an image into the store, and nothing else: for mending. */
import { write } from 'node:fs'
import { promisify } from 'node:util'
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, digestFrom, hasherFor } from '../digest.ts'
import type { ImageSource } from '../source.ts'
import type { Descriptor } from '../spec/types.ts'
import type { BlobIngest, Store } from '../store/types.ts'

const writeAt: (fd: number, bytes: Uint8Array, offset: number, length: number, position: number) => Promise<{ bytesWritten: number }> =
  promisify(write)

const receive = async (source: ImageSource, { descriptor, fd }: BlobIngest, signal: AbortSignal | undefined): Promise<void> => {
  const hash = hasherFor(descriptor.digest)
  let position = 0
  for await (const bytes of source.blob(descriptor, signal === undefined ? {} : { signal })) {
    signal?.throwIfAborted()
    hash.update(bytes)
    for (let at = 0; at < bytes.length; ) {
      const { bytesWritten } = await writeAt(fd, bytes, at, bytes.length - at, position)
      at += bytesWritten
      position += bytesWritten
    }
  }
  const found = digestFrom(algorithmOf(descriptor.digest), hash)
  if (position !== descriptor.size || found !== descriptor.digest)
    throw new WherryError(
      'data-loss',
      `${source.name}: blob ${descriptor.digest}: ${position} bytes with digest ${found} have come instead`,
    )
}

/** Does nothing if it is there. What an earlier try has left is not trusted. Throws `data-loss`, and what the source does. */
export const fetchBlob = async (source: ImageSource, store: Store, descriptor: Descriptor, signal?: AbortSignal): Promise<void> => {
  const waiting = signal === undefined ? {} : { signal }
  const lease = await store.lease()
  try {
    await lease.add(descriptor.digest)
    for (;;) {
      let ingest = await store.blobs.ingest(descriptor, waiting)
      if (ingest !== undefined && ingest.offset > 0) {
        ingest.discard()
        ingest = await store.blobs.ingest(descriptor, waiting)
      }
      if (ingest === undefined) return
      try {
        await receive(source, ingest, signal)
        await ingest.commit()
        return
      } catch (error) {
        ingest.discard()
        const wrong = error instanceof WherryError && error.kind === 'data-loss'
        if (!wrong || source.distrust?.(descriptor.digest) !== true) throw error
      }
    }
  } finally {
    await lease.end()
  }
}
