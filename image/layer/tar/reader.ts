/**
 * tar-stream’s extract, made synchronous and exact. tar-stream keeps the frame: what of the stream is header, long header, body and padding.
 * What a header means is read here (header.ts): tar-stream reads values as UTF-8, which spoils extended attributes, and knows no sparse files;
 * and where readers differ about an archive, this one has to side with Go’s archive/tar, or an image would hold for one what it hides from another.
 * Bodies go straight to a sink: a stream per entry costs more than making the file.
 *
 * The members named _… are tar-stream’s own; its version is pinned, and test/unit/image/layer/reader.test.ts holds it to them.
 */
import tar from 'tar-stream'
import { decodeBytes, shown } from '../bytes.ts'
import { type Body, extendedBody, mappedBody, plainBody, type Sink, sparseBody } from './body.ts'
import { checkHeader, type Header, isGnu, type Preface, readHeader, textAt } from './header.ts'
import { malformed } from './malformed.ts'
import { parseNumber } from './number.ts'
import { parsePax, paxNumber, paxText } from './pax.ts'
import { MAX_HEADER, parseMap, readOldDescriptors } from './sparse.ts'

interface BlockList {
  buffered: number
  push(bytes: Uint8Array): void
  shift(size: number): Uint8Array | null
}

/** What tar-stream’s state machine keeps a body in. */
interface BodyStream {
  push(bytes: Uint8Array | null): boolean
  _detach(): void
}

declare class Extract {
  _buffer: BlockList
  _header: { size: number; type: string } | null
  _stream: BodyStream | null
  /** Bytes until the next header, padding apart. */
  _missing: number
  _longHeader: boolean
  _write(bytes: Uint8Array, done: (error: Error | null) => void): void
  _consumeHeader(): boolean
  _consumeLongHeader(): boolean
}

const Base = tar.extract().constructor as typeof Extract

/** `size`: of the file as it is read, holes included. The sink, if any, is closed when the content is complete. */
export type OnEntry = (header: Header, size: number, preface: Preface) => Sink | undefined

const LONG = 'xgLK'
const TYPES = '01234567S'
const padding = (size: number): number => (512 - (size % 512)) % 512

/** For the framing of bodies only what does not depend on their meaning. */
export class TarReader extends Base {
  readonly #onEntry: OnEntry
  #preface: Preface = {}
  #flag = ''
  #body: Body | undefined
  #stored = 0
  #zeros = 0
  #ended = false
  readonly #frame: BodyStream

  constructor(onEntry: OnEntry) {
    super()
    this.#onEntry = onEntry
    this.#frame = {
      push: (bytes) => {
        // more blocks turn up only before the last ones that are known have been consumed
        if (bytes !== null) this._missing += this.#body!.push(bytes)
        return true
      },
      _detach: () => {
        this._stream = null
        this._missing = padding(this.#stored)
        this.#body!.close()
      },
    }
  }

  /** Throws what is wrong with the archive, and what the sink throws. `bytes` may be used again afterwards. */
  push(bytes: Uint8Array): void {
    if (this.#ended || bytes.length === 0) return
    let error: Error | null = null
    this._write(bytes, (problem) => {
      error = problem
    })
    if (error !== null) throw error
    const { buffered } = this._buffer
    if (buffered > 0) this._buffer.push(Uint8Array.from(this._buffer.shift(buffered)!))
  }

  /** The archive must end between two entries. That the two blocks of zeros are missing is common, and so is short padding. */
  end(): void {
    if (this.#ended) return
    if (this._stream !== null || this._longHeader || this._buffer.buffered > 0 || this.#prefaced())
      throw malformed('the archive is cut off in the middle of an entry')
  }

  #prefaced(): boolean {
    const { pax, name, linkname } = this.#preface
    return pax !== undefined || name !== undefined || linkname !== undefined
  }

  override _consumeHeader(): boolean {
    const block = this._buffer.shift(512)!
    if (isZero(block)) {
      if (this.#zeros++ === 1) this.#finish()
      return true
    }
    if (this.#zeros > 0) throw malformed('a block of zeros stands between two entries')
    checkHeader(block)
    const flag = block[156] === 0 ? '0' : String.fromCharCode(block[156]!)
    if (LONG.includes(flag)) this.#beginLong(block, flag)
    else if (TYPES.includes(flag)) this.#beginEntry(block)
    else
      throw malformed(
        `entry ${shown(textAt(block, 0, 100))} is of type ${shown(flag)}, which layers do not have: make the image again with another tool`,
      )
    return true
  }

  /** What comes behind the end of the archive is part of the layer’s digest and nothing else. */
  #finish(): void {
    if (this.#prefaced()) throw malformed('the archive ends behind an extended header')
    this.#ended = true
    this._buffer.shift(this._buffer.buffered)
  }

  #beginLong(block: Uint8Array, flag: string): void {
    const size = parseNumber(block, 124, 12)
    if (!(size >= 0 && size <= MAX_HEADER)) throw malformed(`a header of type ${flag} has ${size} bytes: at most ${MAX_HEADER} are taken`)
    this.#flag = flag
    this._header = { size, type: flag }
    if (size === 0) {
      this.#takeLong(Buffer.alloc(0))
      return
    }
    this._longHeader = true
    this._missing = size
  }

  override _consumeLongHeader(): boolean {
    const { size } = this._header!
    this._longHeader = false
    const bytes = this._buffer.shift(size)!
    this._missing = padding(size)
    this.#takeLong(bytes)
    return true
  }

  /** Global headers are passed over, as docker, containerd and umoci do. */
  #takeLong(bytes: Uint8Array): void {
    // copied: the records are read when the header comes, which may be in another of the caller’s buffers, and may be the same memory
    if (this.#flag === 'x') this.#preface.pax = parsePax(Uint8Array.from(bytes))
    else if (this.#flag === 'L') this.#preface.name = textAt(bytes, 0, bytes.length)
    else if (this.#flag === 'K') this.#preface.linkname = textAt(bytes, 0, bytes.length)
    else this.#preface = {}
  }

  #beginEntry(block: Uint8Array): void {
    const preface = this.#preface
    this.#preface = {}
    const header = readHeader(block, preface)
    this.#stored = header.stored
    this._header = { size: header.stored, type: header.flag }
    const [body, onDisk] = this.#open(block, header, preface)
    if (onDisk === 0) {
      body?.close()
      return
    }
    this.#body = body ?? plainBody(undefined)
    this._stream = this.#frame
    this._missing = onDisk
  }

  /** The body, and the bytes that are in the archive for it. */
  #open(block: Uint8Array, header: Header, preface: Preface): [Body | undefined, number] {
    const { stored, name } = header
    const sized = (size: number | undefined): number => {
      if (size === undefined || !(size >= 0)) throw malformed(`entry ${shown(name)}: the size of a sparse file is missing or wrong`)
      return size
    }
    if (header.flag === 'S') {
      if (!isGnu(block)) throw malformed(`entry ${shown(name)} is a sparse file of GNU’s in a header that is not GNU’s`)
      const size = sized(parseNumber(block, 483, 12))
      const numbers: number[] = []
      readOldDescriptors(block, 386, 4, numbers)
      const sink = this.#onEntry(header, size, preface)
      return block[482] === 0
        ? [sparseBody(sink, numbers, size, stored), stored]
        : [extendedBody(sink, numbers, size, stored), stored + 512]
    }
    const { pax } = preface
    if (header.flag === '0' && pax !== undefined) {
      if (isOne(pax.get('GNU.sparse.major')) && isNought(pax.get('GNU.sparse.minor'))) {
        const size = sized(paxNumber(pax, 'GNU.sparse.realsize') ?? paxNumber(pax, 'GNU.sparse.size'))
        return [mappedBody(this.#onEntry(header, size, preface), size, stored), stored]
      }
      const map = paxText(pax, 'GNU.sparse.map')
      if (map !== undefined || (pax.has('GNU.sparse.size') && pax.has('GNU.sparse.numblocks'))) {
        const size = sized(paxNumber(pax, 'GNU.sparse.size') ?? paxNumber(pax, 'GNU.sparse.realsize'))
        return [sparseBody(this.#onEntry(header, size, preface), parseMap(map ?? ''), size, stored), stored]
      }
    }
    const sink = this.#onEntry(header, stored, preface)
    return [sink === undefined ? undefined : plainBody(sink), stored]
  }
}

const isOne = (value: Uint8Array | undefined): boolean => value !== undefined && decodeBytes(value) === '1'
const isNought = (value: Uint8Array | undefined): boolean => value !== undefined && decodeBytes(value) === '0'

const isZero = (block: Uint8Array): boolean => {
  for (let at = 0; at < 512; at++) if (block[at] !== 0) return false
  return true
}
