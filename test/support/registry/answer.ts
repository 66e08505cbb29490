/** What the registry of the tests answers, as a value that a misbehaviour can alter, and how it is sent. */
import { createReadStream } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'

export interface FilePart {
  readonly file: string
  readonly start: number
  readonly length: number
}

export interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly body?: Uint8Array | FilePart
  /** Instead of sending all of the body and ending; the head has not been sent. */
  readonly deliver?: (response: ServerResponse, answer: Answer) => Promise<void> | void
}

export interface Exchange {
  readonly method: string
  /** The path alone, decoded: `/v2/library/alpine/manifests/3.19`. */
  readonly path: string
  readonly query: URLSearchParams
  readonly request: IncomingMessage
  /** Reads all of the request’s body. */
  body(): Promise<Buffer>
  /** The same in pieces; a misbehaviour may put others in their place. */
  pieces: () => AsyncIterable<Buffer>
}

/** One JSON answer in the form of the distribution spec’s errors. */
export const failure = (status: number, code: string, message: string, headers: Answer['headers'] = {}): Answer => ({
  status,
  headers: { 'Content-Type': 'application/json', ...headers },
  body: Buffer.from(JSON.stringify({ errors: [{ code, message }] })),
})

export const lengthOf = ({ body }: Answer): number => (body === undefined ? 0 : body instanceof Uint8Array ? body.byteLength : body.length)

/** The bytes of the body from `start` to `end` (exclusive), in pieces. */
export async function* bytesOf({ body }: Answer, start = 0, end?: number): AsyncGenerator<Uint8Array> {
  if (body === undefined) return
  if (body instanceof Uint8Array) {
    yield body.subarray(start, end)
    return
  }
  const last = Math.min(end ?? body.length, body.length)
  if (last <= start) return
  yield* createReadStream(body.file, { start: body.start + start, end: body.start + last - 1, highWaterMark: 256 * 1024 })
}

/** Writes, waiting where the socket is full; false when the other side has gone. */
export const write = async (response: ServerResponse, chunk: Uint8Array): Promise<boolean> => {
  if (response.destroyed) return false
  if (response.write(chunk)) return true
  await new Promise<void>((resolve) => {
    const done = (): void => {
      response.off('drain', done)
      response.off('close', done)
      resolve()
    }
    response.on('drain', done)
    response.on('close', done)
  })
  return !response.destroyed
}

export const writeHead = (response: ServerResponse, answer: Answer): void => {
  response.statusCode = answer.status
  for (const [name, value] of Object.entries(answer.headers ?? {})) response.setHeader(name, value as string | string[])
  const named = Object.keys(answer.headers ?? {}).map((name) => name.toLowerCase())
  if (!named.includes('content-length') && !named.includes('transfer-encoding') && answer.status !== 204)
    response.setHeader('Content-Length', lengthOf(answer))
}

export const send = async (response: ServerResponse, answer: Answer, head: boolean): Promise<void> => {
  if (answer.deliver !== undefined) return answer.deliver(response, answer)
  writeHead(response, answer)
  if (!head) for await (const chunk of bytesOf(answer)) if (!(await write(response, chunk))) return
  response.end()
}
