/** A stream that is held to its descriptor. */
import { WherryError } from '../../runtime/errors.ts'
import { algorithmOf, digestFrom, hasherFor } from '../digest.ts'
import type { Descriptor } from '../spec/types.ts'

/** Throws `data-loss` at its end, or where there is too much of it. */
export async function* verified(bytes: AsyncIterable<Uint8Array>, { digest, size }: Descriptor, name: string): AsyncGenerator<Uint8Array> {
  const hash = hasherFor(digest)
  let came = 0
  for await (const chunk of bytes) {
    came += chunk.length
    if (came > size) throw new WherryError('data-loss', `${name}: blob ${digest} has more than the ${size} bytes its descriptor says`)
    hash.update(chunk)
    yield chunk
  }
  if (came !== size) throw new WherryError('data-loss', `${name}: blob ${digest} has ${came} bytes, its descriptor says ${size}`)
  const actual = digestFrom(algorithmOf(digest), hash)
  if (actual !== digest) throw new WherryError('data-loss', `${name}: what should be blob ${digest} has digest ${actual}`)
}

/** All of it, if it is no more than `largest` bytes. */
export const collect = async (bytes: AsyncIterable<Uint8Array>, largest: number, name: string): Promise<Buffer> => {
  const parts: Uint8Array[] = []
  let came = 0
  for await (const chunk of bytes) {
    came += chunk.length
    if (came > largest) throw new WherryError('invalid-argument', `${name}: has more than ${largest} bytes`)
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}
