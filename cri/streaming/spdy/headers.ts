/** Header blocks of a client, which are one zlib stream for all of a connection: SPDY/3.1 draft, "Name/Value Header Block". */
import { constants, createInflate, type Inflate } from 'node:zlib'
import { WherryError } from '../../../runtime/errors.ts'
import { DICTIONARY } from './dictionary.ts'

/** Bytes of a block at most, as it is when it is not compressed: those of our clients have some fifty. */
export const MOST_BYTES = 64 * 1024
const MOST_PAIRS = 100
/** The library holds so much for us; when it has more than a block may have, it stops. */
const HELD = MOST_BYTES + 16 * 1024

const wrong = (problem: string): WherryError => new WherryError('invalid-argument', `a block of headers ${problem}`)

/** Names are in lower case, as they have to be. */
export type Headers = ReadonlyMap<string, string>

export const parseHeaders = (block: Buffer): Headers => {
  let at = 0
  const number = (): number => {
    if (at + 4 > block.length) throw wrong('is cut')
    at += 4
    return block.readUInt32BE(at - 4)
  }
  const text = (): string => {
    const length = number()
    if (at + length > block.length) throw wrong('is cut')
    at += length
    return block.toString('latin1', at - length, at)
  }
  const headers = new Map<string, string>()
  const count = number()
  if (count > MOST_PAIRS) throw wrong(`has ${count} headers: at most ${MOST_PAIRS} are read`)
  for (let index = 0; index < count; index++) {
    const name = text().toLowerCase()
    const value = text()
    if (name === '') throw wrong('has a header without a name')
    if (headers.has(name)) throw wrong(`has ${JSON.stringify(name)} twice`)
    headers.set(name, value)
  }
  if (at !== block.length) throw wrong('is longer than its headers')
  return headers
}

export class HeaderReader {
  #inflate: Inflate | undefined

  /** One block after the other. Throws `invalid-argument`; the connection is of no use then. */
  async read(block: Uint8Array): Promise<Headers> {
    return parseHeaders(await this.#inflated(block))
  }

  #inflated(block: Uint8Array): Promise<Buffer> {
    this.#inflate ??= createInflate({
      dictionary: DICTIONARY,
      flush: constants.Z_SYNC_FLUSH,
      chunkSize: 4096,
      readableHighWaterMark: HELD,
    } as Parameters<typeof createInflate>[0])
    const inflate = this.#inflate
    return new Promise((resolve, reject) => {
      const parts: Buffer[] = []
      let size = 0
      const done = (problem?: WherryError): void => {
        inflate.off('readable', take).off('error', failed).off('end', ended).off('close', ended)
        if (problem === undefined) resolve(Buffer.concat(parts))
        else {
          this.close()
          reject(problem)
        }
      }
      const take = (): void => {
        for (let part = inflate.read() as Buffer | null; part !== null; part = inflate.read() as Buffer | null) {
          parts.push(part)
          size += part.length
        }
        if (size > MOST_BYTES) done(wrong(`has more than ${MOST_BYTES} bytes`))
      }
      const failed = (error: Error): void => done(wrong(`cannot be decompressed: ${error.message}`))
      // the stream of a connection has no end, and what comes behind one would be waited for
      const ended = (): void => done(wrong('ends the stream that it is part of'))
      inflate.on('readable', take).once('error', failed).once('end', ended).once('close', ended)
      inflate.write(block, (error) => {
        // also where an earlier block has ended the stream
        if (error !== null && error !== undefined) return failed(error)
        take()
        if (size <= MOST_BYTES) done()
      })
    })
  }

  /** Its memory is given back. Idempotent. */
  close(): void {
    const inflate = this.#inflate
    if (inflate === undefined || inflate.destroyed) return
    // of what is under way nobody wants to know
    inflate.on('error', () => {})
    inflate.destroy()
  }
}
