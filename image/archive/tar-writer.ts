/** Writes a tar archive of plain files, the same bytes for the same files: their time is 1970, their owner root. */
import { closeSync } from 'node:fs'
import { spoolBytes } from './open-archive.ts'
import type { Output } from './output.ts'
import { streamRange } from './read-range.ts'
import { encodeHeader, END, padding } from './tar-header.ts'

const headerOf = (name: string, size: number): Buffer => encodeHeader({ name, type: 'file', mode: 0o644, uid: 0, gid: 0, mtime: 0n, size })

/** A name whose header has one block, for a file whose own name is found out while it is written. */
const UNNAMED = 'unnamed'

export class TarWriter {
  readonly output: Output
  readonly #temporary: string

  /** `temporary`: a folder for files whose size must be known before they are written, where the output is a pipe. */
  constructor(output: Output, temporary: string) {
    this.output = output
    this.#temporary = temporary
  }

  async file(name: string, bytes: Uint8Array): Promise<void> {
    await this.output.append(Buffer.concat([headerOf(name, bytes.length), bytes, Buffer.alloc(padding(bytes.length))]))
  }

  /** `size` bytes must come: who has them verifies that. */
  async stream(name: string, size: number, bytes: AsyncIterable<Uint8Array>): Promise<void> {
    await this.output.append(headerOf(name, size))
    for await (const chunk of bytes) await this.output.append(chunk)
    await this.output.append(Buffer.alloc(padding(size)))
  }

  /** For what is not known before its end: `nameAfter` is asked then; its header must fit one block. */
  async unsized(bytes: AsyncIterable<Uint8Array>, nameAfter: () => string): Promise<void> {
    const { output } = this
    if (output.patch === undefined) {
      const { fd, size } = await spoolBytes(bytes, { temporary: this.#temporary })
      try {
        await this.stream(nameAfter(), size, streamRange(fd, { offset: 0, length: size }, output.name))
      } finally {
        closeSync(fd)
      }
      return
    }
    const at = output.position
    const placeholder = headerOf(UNNAMED, 0)
    await output.append(placeholder)
    const from = output.position
    for await (const chunk of bytes) await output.append(chunk)
    const size = output.position - from
    const header = headerOf(nameAfter(), size)
    if (header.length !== placeholder.length) throw new Error(`the name ${nameAfter()} or size ${size} needs a longer header`)
    await output.append(Buffer.alloc(padding(size)))
    await output.patch(at, header)
  }

  async end(): Promise<void> {
    await this.output.append(END)
  }
}
