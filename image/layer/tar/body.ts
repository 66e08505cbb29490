/** The content of an entry on its way from the archive, block by block, to whoever takes it. */
import { malformed } from './malformed.ts'
import { checkExtents, type Extent, MAX_HEADER, parseMapLines, readOldDescriptors } from './sparse.ts'

/** Takes a file’s content. `bytes` are only good during the call. */
export interface Sink {
  write(bytes: Uint8Array, offset: number): void
  close(): void
}

/** What the reader pushes stored bytes into. */
export interface Body {
  /** The result: bytes that the archive holds beyond what the header said (more blocks of an old GNU map). */
  push(bytes: Uint8Array): number
  close(): void
}

export const plainBody = (sink: Sink | undefined): Body => {
  let offset = 0
  return {
    push: (bytes) => {
      sink?.write(bytes, offset)
      offset += bytes.length
      return 0
    },
    close: () => sink?.close(),
  }
}

/** Content of which `extents` are stored, one behind the other. */
const extentsBody = (sink: Sink | undefined, extents: readonly Extent[]): Body => {
  let index = 0
  let within = 0
  return {
    push: (bytes) => {
      for (let at = 0; at < bytes.length; ) {
        // checkExtents has seen to it that there are as many bytes as the extents hold
        const extent = extents[index]!
        const length = Math.min(extent.length - within, bytes.length - at)
        sink?.write(bytes.subarray(at, at + length), extent.offset + within)
        at += length
        within += length
        if (within === extent.length) {
          index++
          within = 0
        }
      }
      return 0
    },
    close: () => sink?.close(),
  }
}

export const sparseBody = (sink: Sink | undefined, numbers: readonly number[], size: number, stored: number): Body =>
  extentsBody(sink, checkExtents(numbers, size, stored))

/** pax 1.0: the map comes first, in whole blocks, and is part of what is stored. */
export const mappedBody = (sink: Sink | undefined, size: number, stored: number): Body => {
  let head: Uint8Array = Buffer.alloc(0)
  let body: Body | undefined
  return {
    push: (bytes) => {
      if (body !== undefined) return body.push(bytes)
      head = Buffer.concat([head, bytes])
      const numbers = parseMapLines(head)
      if (numbers === undefined) {
        if (head.length > MAX_HEADER) throw malformed(`the map of a sparse file is longer than ${MAX_HEADER} bytes`)
        return 0
      }
      const start = mapBlocks(head, numbers.length)
      if (start > head.length) return 0
      body = sparseBody(sink, numbers, size, stored - start)
      const rest = head.subarray(start)
      head = Buffer.alloc(0)
      return rest.length === 0 ? 0 : body.push(rest)
    },
    close: () => {
      if (body === undefined) throw malformed('the map of a sparse file is cut off')
      body.close()
    },
  }
}

/** Bytes of the blocks that the map’s lines are in. */
const mapBlocks = (head: Uint8Array, numbers: number): number => {
  let end = 0
  for (let line = 0; line <= numbers; line++) end = head.indexOf(0x0a, end) + 1
  return Math.ceil(end / 512) * 512
}

/** Old GNU: the map began in the header, and goes on in blocks of their own that the header’s size does not count. */
export const extendedBody = (sink: Sink | undefined, numbers: number[], size: number, stored: number): Body => {
  let block: Uint8Array = Buffer.alloc(0)
  let body: Body | undefined
  const push = (bytes: Uint8Array): number => {
    if (body !== undefined) return body.push(bytes)
    const missing = 512 - block.length
    const rest = bytes.subarray(missing)
    block = Buffer.concat([block, bytes.subarray(0, missing)])
    if (block.length < 512) return 0
    readOldDescriptors(block, 0, 21, numbers)
    if (numbers.length * 12 > MAX_HEADER) throw malformed(`the map of a sparse file is longer than ${MAX_HEADER} bytes`)
    const more = block[504] !== 0 ? 512 : 0
    block = Buffer.alloc(0)
    if (more === 0) body = sparseBody(sink, numbers, size, stored)
    return more + (rest.length > 0 ? push(rest) : 0)
  }
  return {
    push,
    close: () => {
      if (body === undefined) throw malformed('the map of a sparse file is cut off')
      body.close()
    },
  }
}
