/** A compressed stream as what is in it. */
import { Readable } from 'node:stream'
import { createGunzip, createZstdDecompress } from 'node:zlib'
import { WherryError } from '../../runtime/errors.ts'
import { packingOfBytes, MAGIC_BYTES, type Packing } from './packing.ts'

export interface Unpacking {
  /** Bytes that may come out. */
  readonly bytes: number
  /** Bytes that may come out for each that goes in, once a GiB has come out. */
  readonly ratio: number
}

export const DEFAULT_UNPACKING: Unpacking = { bytes: 1024 ** 4, ratio: 500 }

const FREE = 1024 ** 3

export interface Unpacked {
  readonly packing: Packing
  readonly bytes: AsyncIterable<Uint8Array>
}

/** Compression is told by how the stream begins. Throws `unsupported` by name for bzip2 and xz; later `data-loss`, `resource-exhausted`. */
export const unpackStream = async (packed: AsyncIterable<Uint8Array>, name: string, limits = DEFAULT_UNPACKING): Promise<Unpacked> => {
  const chunks = packed[Symbol.asyncIterator]()
  let head = Buffer.alloc(0)
  while (head.length < MAGIC_BYTES) {
    const next = await chunks.next()
    if (next.done === true) break
    head = Buffer.concat([head, next.value])
  }
  const packing = packingOfBytes(head)
  if (packing === 'bzip2' || packing === 'xz') {
    await chunks.return?.()
    throw new WherryError(
      'unsupported',
      `${name}: is compressed with ${packing}; gzip and zstd are supported: recompress it, for example ${packing} -dc | gzip`,
    )
  }
  let went = 0
  async function* all(): AsyncGenerator<Uint8Array> {
    try {
      if (head.length > 0) yield head
      for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
        went += next.value.length
        yield next.value
      }
    } finally {
      await chunks.return?.()
    }
  }
  const limited = async function* (bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let came = 0
    for await (const chunk of bytes) {
      came += chunk.length
      if (came > limits.bytes || (packing !== 'none' && came > FREE && came > (went + head.length) * limits.ratio))
        throw new WherryError(
          'resource-exhausted',
          `${name}: more than ${limits.bytes} bytes, or ${limits.ratio} for each compressed one: not unpacked any further`,
        )
      yield chunk
    }
  }
  return { packing, bytes: limited(packing === 'none' ? all() : inflated(all(), packing, name)) }
}

async function* inflated(packed: AsyncIterable<Uint8Array>, packing: 'gzip' | 'zstd', name: string): AsyncGenerator<Uint8Array> {
  const options = { chunkSize: 256 * 1024 }
  const inflate = packing === 'gzip' ? createGunzip(options) : createZstdDecompress(options)
  const source = Readable.from(packed, { objectMode: false, highWaterMark: 256 * 1024 })
  let failed: unknown
  source.on('error', (error) => {
    failed = error
    inflate.destroy(error)
  })
  source.pipe(inflate)
  try {
    for await (const chunk of inflate) yield chunk as Uint8Array
  } catch (cause) {
    if (failed !== undefined) throw failed
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'damaged'
    throw new WherryError('data-loss', `${name}: the ${packing} stream is damaged or cut off (${code}): fetch or make it again`, { cause })
  } finally {
    source.destroy()
    inflate.destroy()
  }
}
