/** Reading an answer’s body: how slow it may be, and how large. */
import { connectionError, type Received } from './exchange.ts'
import { ConnectionError } from './failure.ts'
import type { Limits } from './options.ts'
import { checkSignal } from './wait.ts'
import { duration } from './words.ts'

/**
 * The pieces of the body. Only the time that is spent waiting for the network counts: a slow reader is no slow registry. Throws
 * ConnectionError where the connection breaks or stalls; ends the connection when left early.
 */
export async function* flow(
  { body, url }: Received,
  stall: Limits['stall'],
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const pieces = body[Symbol.asyncIterator]()
  let bytes = 0
  let waited = 0
  let ended = false
  const stalled = (): void => {
    const problem = `${url.host}: the connection stalled: fewer than ${stall.bytes} bytes in ${duration(stall.milliseconds)}`
    body.destroy(new ConnectionError('ETIMEDOUT', problem, true))
  }
  try {
    for (;;) {
      const begun = performance.now()
      const timer = setTimeout(stalled, Math.max(1, stall.milliseconds - waited))
      let next: IteratorResult<Buffer>
      try {
        next = await pieces.next()
      } finally {
        clearTimeout(timer)
      }
      if (next.done === true) break
      waited += performance.now() - begun
      bytes += next.value.length
      if (bytes >= stall.bytes) {
        bytes = 0
        waited = 0
      }
      yield next.value
    }
    ended = true
  } catch (error) {
    checkSignal(signal, name)
    throw connectionError(error, url)
  } finally {
    if (!ended) body.destroy()
  }
}

/** All of a small body, or `undefined` if it has more than `most` bytes, of which no more are read. */
export const readAll = async (
  received: Received,
  most: number,
  { stall, document }: Pick<Limits, 'stall' | 'document'>,
  name: string,
  signal: AbortSignal | undefined,
): Promise<Buffer | undefined> => {
  if (Number(received.headers.get('content-length') ?? 0) > most) {
    received.drop()
    return undefined
  }
  const { url, body } = received
  const late = (): void =>
    void body.destroy(new ConnectionError('ETIMEDOUT', `${url.host}: the answer was not there within ${duration(document)}`, true))
  const timer = setTimeout(late, document)
  try {
    const pieces: Buffer[] = []
    let length = 0
    for await (const piece of flow(received, stall, name, signal)) {
      length += piece.length
      if (length > most) return undefined
      pieces.push(piece)
    }
    return Buffer.concat(pieces)
  } finally {
    clearTimeout(timer)
  }
}
