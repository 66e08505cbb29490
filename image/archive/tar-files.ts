/** The files of a tar archive, where they are in it. */
import { closeSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import type { Files, StreamOptions } from './files.ts'
import { type Range, readRange, streamRange } from './read-range.ts'
import { indexTar, type TarIndex } from './tar-index.ts'

export class TarFiles implements Files {
  readonly name: string
  readonly index: TarIndex
  readonly #fd: number
  #open = true

  /** Takes `fd` over, of a file of `size` bytes. */
  constructor(fd: number, size: number, name: string) {
    this.name = name
    this.#fd = fd
    try {
      this.index = indexTar(fd, size, name)
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  size(path: string): number | undefined {
    return this.index.find(path)?.length
  }

  read(path: string, largest: number): Uint8Array {
    const range = this.#find(path)
    if (range.length > largest)
      throw new WherryError(
        'invalid-argument',
        `${this.name}: ${JSON.stringify(path)} has ${range.length} bytes, at most ${largest} are allowed`,
      )
    return readRange(this.#fd, range, this.name)
  }

  stream(path: string, { offset = 0, signal }: StreamOptions = {}): AsyncIterable<Uint8Array> {
    const range = this.#find(path)
    const skipped = Math.min(offset, range.length)
    return streamRange(this.#fd, { offset: range.offset + skipped, length: range.length - skipped }, this.name, signal)
  }

  close(): void {
    if (this.#open) closeSync(this.#fd)
    this.#open = false
  }

  #find(path: string): Range {
    const range = this.index.find(path)
    if (range === undefined) throw new WherryError('not-found', `${this.name}: ${JSON.stringify(path)} is not in the archive`)
    return range
  }
}
