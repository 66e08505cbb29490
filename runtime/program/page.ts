/**
 * The failure page: one page that a program and its parent share. It is a page and not a pipe because a seccomp filter may
 * refuse write(2), and because it outlives both.
 *
 *      0  u64  address of the op that failed first; 0: none
 *      8  i64  its result (the negative errno of a call)
 *     16  …    words of the program's own (init/sync.ts)
 *     40  u64  address of the string that a loop (Program.each) was at; 0: none
 *   2048  text that the program read about its failure, NUL-terminated: the message of a file system context
 */
import { PAGE_SIZE } from './layout.ts'

export const ITEM_OFFSET = 40
export const MESSAGE_OFFSET = 2048
export const MESSAGE_SIZE = 1024

/** A read of the page; zeros where nothing was written. */
export class Page {
  readonly #bytes: Buffer

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, PAGE_SIZE))
  }

  get failure(): { readonly address: number; readonly result: number } | undefined {
    const address = Number(this.#bytes.readBigUInt64LE(0))
    return address === 0 ? undefined : { address, result: Number(this.#bytes.readBigInt64LE(8)) }
  }

  word(offset: number): number {
    return Number(this.#bytes.readBigInt64LE(offset))
  }

  get message(): string {
    const text = this.#bytes.subarray(MESSAGE_OFFSET, MESSAGE_OFFSET + MESSAGE_SIZE)
    const end = text.indexOf(0)
    return text.toString('utf8', 0, end < 0 ? text.length : end).trim()
  }
}
