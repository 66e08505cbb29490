/** Layers unpacked in this process, and what has become of them. */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { entryReader } from '../../image/layer/entries.ts'
import type { Entry, LayerFacts } from '../../image/layer/entry.ts'
import { DEFAULT_LIMITS, type LayerLimits } from '../../image/layer/limits.ts'
import { type OverlayStyle, Unpacker } from '../../image/layer/unpack/unpacker.ts'
import { MARK } from './runtime.ts'

/** Deleted after the test. */
export const scratch = (t: TestContext): string => {
  const folder = mkdtempSync(join(tmpdir(), `${MARK}-layer-`))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

export interface Options {
  readonly limits?: Partial<LayerLimits>
  readonly style?: OverlayStyle
  /** Bytes handed over at a time. */
  readonly piece?: number
}

/** Into `folder`/root. Every piece comes in the same buffer, as from a decompressor. */
export const unpackTar = (folder: string, tar: Uint8Array, options: Options = {}): LayerFacts => {
  const limits = { ...DEFAULT_LIMITS, ...options.limits }
  const unpacker = new Unpacker(folder, limits, options.style ?? 'trusted')
  let facts: LayerFacts | undefined
  try {
    const reader = entryReader(limits, (entry) => unpacker.take(entry))
    feed(tar, options.piece ?? 64 * 1024, (bytes) => reader.push(bytes))
    reader.end()
    facts = unpacker.finish()
    return facts
  } finally {
    if (facts === undefined) unpacker.abandon()
  }
}

export const feed = (bytes: Uint8Array, piece: number, push: (bytes: Uint8Array) => void): void => {
  const buffer = Buffer.alloc(piece)
  for (let at = 0; at < bytes.length; at += piece) {
    const part = bytes.subarray(at, at + piece)
    buffer.set(part)
    push(buffer.subarray(0, part.length))
  }
}

/** What the reader makes of an archive, with the content as text. */
export const entriesOf = (tar: Uint8Array, options: Options = {}): (Entry & { content?: string })[] => {
  const found: (Entry & { content?: string })[] = []
  const reader = entryReader({ ...DEFAULT_LIMITS, ...options.limits }, (entry) => {
    const here: Entry & { content?: string } = { ...entry }
    found.push(here)
    const content = Buffer.alloc(Math.min(entry.size, 1 << 20))
    return {
      write: (bytes, offset) => {
        content.set(bytes, offset)
      },
      close: () => {
        here.content = content.toString('latin1')
      },
    }
  })
  feed(tar, options.piece ?? 64 * 1024, (bytes) => reader.push(bytes))
  reader.end()
  return found
}

export const openDescriptors = (): string[] => readdirSync('/proc/self/fd')
