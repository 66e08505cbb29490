/** Sizes of a client's terminal: JSON objects one after the other, `{"Width":80,"Height":24}`. */
import type { TerminalSize } from '../types.ts'

/** Characters of what is not a whole object yet. */
const LONGEST = 1024

const dimension = (value: unknown): number | undefined =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff ? value : undefined

const sizeOf = (text: string): TerminalSize | 'none' | undefined => {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
  const { Width, Height } = parsed as { readonly Width?: unknown; readonly Height?: unknown }
  const [columns, rows] = [dimension(Width), dimension(Height)]
  // terminals that have no size say 0
  return columns === undefined || rows === undefined ? 'none' : { columns, rows }
}

/** Ends with the client’s stream, and at what is none of these. */
export async function* terminalSizes(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<TerminalSize, void, undefined> {
  let text = ''
  for await (const chunk of bytes) {
    text += Buffer.from(chunk.buffer, chunk.byteOffset, chunk.length).toString('latin1')
    for (let match = /^\s*(\{[^{}]*\})/.exec(text); match !== null; match = /^\s*(\{[^{}]*\})/.exec(text)) {
      text = text.slice(match[0].length)
      const size = sizeOf(match[1]!)
      if (size === undefined) return
      if (size !== 'none') yield size
    }
    if (text.length > LONGEST) return
  }
}
