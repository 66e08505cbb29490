/** How bytes are compressed, by how they begin. */

export type Packing = 'none' | 'gzip' | 'zstd' | 'bzip2' | 'xz'

/** A tar archive can begin with any letters: those of its first file’s name. */
const ANY = -1

const MAGIC: readonly (readonly [Packing, readonly number[]])[] = [
  ['gzip', [0x1f, 0x8b, 0x08]],
  ['zstd', [0x28, 0xb5, 0x2f, 0xfd]],
  ['bzip2', [0x42, 0x5a, 0x68, ANY, 0x31, 0x41]],
  ['xz', [0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]],
]

/** Bytes that have to be there to tell. */
export const MAGIC_BYTES = 6

export const packingOfBytes = (bytes: Uint8Array): Packing =>
  MAGIC.find(([, magic]) => magic.every((byte, at) => byte === ANY || bytes[at] === byte))?.[0] ?? 'none'

/** Reads no more of the stream than it needs. */
export const packingOf = async (stream: AsyncIterable<Uint8Array>): Promise<Packing> => {
  let head: Uint8Array = new Uint8Array(0)
  for await (const chunk of stream) {
    head = Buffer.concat([head, chunk])
    if (head.length >= MAGIC_BYTES) break
  }
  return packingOfBytes(head)
}
