/** Ways for a registry of the tests to misbehave: `registry.on({ path: '/blobs/', times: 2 }, cutAfter(1000))`. */
import type { ServerResponse } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { type Answer, bytesOf, failure, write, writeHead } from './answer.ts'
import type { Misbehaviour } from './server.ts'

const altered =
  (alter: (answer: Answer) => Answer): Misbehaviour =>
  async (_, normal) =>
    alter(await normal())

const delivered = (deliver: (response: ServerResponse, answer: Answer) => Promise<void>): Misbehaviour =>
  altered((answer) => ({ ...answer, deliver }))

/** Sends so many bytes of the body, then breaks the connection. */
export const cutAfter = (bytes: number): Misbehaviour =>
  delivered(async (response, answer) => {
    writeHead(response, answer)
    response.flushHeaders()
    for await (const chunk of bytesOf(answer, 0, bytes)) if (!(await write(response, chunk))) return
    // what was written shall leave before the connection does
    await new Promise<void>((resolve) => response.write('', () => resolve()))
    await setTimeout(5)
    response.socket?.destroy()
  })

/** As cutAfter, but chunked: without a length that would tell of the cut. */
export const cutChunkedAfter = (bytes: number): Misbehaviour =>
  altered((answer) => ({
    ...answer,
    deliver: async (response) => {
      writeHead(response, { ...answer, headers: { ...answer.headers, 'Transfer-Encoding': 'chunked' } })
      for await (const chunk of bytesOf(answer, 0, bytes)) if (!(await write(response, chunk))) return
      await setTimeout(5)
      response.socket?.destroy()
    },
  }))

/** Ends the answer, in good order, after so many bytes: a body shorter than the content. */
export const shortenTo = (bytes: number): Misbehaviour =>
  delivered(async (response, answer) => {
    writeHead(response, { ...answer, headers: { ...answer.headers, 'Content-Length': String(bytes) } })
    for await (const chunk of bytesOf(answer, 0, bytes)) if (!(await write(response, chunk))) return
    response.end()
  })

/** The normal body and these bytes behind it. */
export const lengthenBy = (extra: Uint8Array, { chunked = false } = {}): Misbehaviour =>
  altered((answer) => ({
    ...answer,
    deliver: async (response) => {
      const parts: Uint8Array[] = []
      for await (const chunk of bytesOf(answer)) parts.push(chunk)
      const body = Buffer.concat([...parts, extra])
      writeHead(response, { ...answer, body, ...(chunked ? { headers: { ...answer.headers, 'Transfer-Encoding': 'chunked' } } : {}) })
      response.end(body)
    },
  }))

/** Sends so many bytes, then nothing, and keeps the connection. */
export const stallAfter = (bytes: number): Misbehaviour =>
  delivered(async (response, answer) => {
    writeHead(response, answer)
    response.flushHeaders()
    for await (const chunk of bytesOf(answer, 0, bytes)) if (!(await write(response, chunk))) return
    await new Promise<void>((resolve) => response.on('close', resolve))
  })

/** Sends the body in small pieces with pauses between. */
export const trickle = (bytes: number, milliseconds: number): Misbehaviour =>
  delivered(async (response, answer) => {
    writeHead(response, answer)
    response.flushHeaders()
    for await (const chunk of bytesOf(answer))
      for (let at = 0; at < chunk.length; at += bytes) {
        if (!(await write(response, chunk.subarray(at, at + bytes)))) return
        await setTimeout(milliseconds)
      }
    response.end()
  })

/** Takes the request and never answers. */
export const silence: Misbehaviour = () => ({
  status: 0,
  deliver: (response) => new Promise<void>((resolve) => response.on('close', resolve)),
})

/** Breaks the connection without an answer. */
export const hangUp: Misbehaviour = () => ({ status: 0, deliver: (response) => void response.socket?.destroy() })

/** Bytes that are no HTTP, then the end. */
export const garble =
  (bytes: Uint8Array | string): Misbehaviour =>
  () => ({
    status: 0,
    deliver: (response) => void response.socket?.end(bytes),
  })

/** Takes so many bytes of the request’s body, or a few more, and breaks the connection. */
export const cutBodyAfter =
  (bytes: number): Misbehaviour =>
  (exchange, normal) => {
    const { pieces } = exchange
    exchange.pieces = async function* () {
      let length = 0
      for await (const piece of pieces()) {
        yield piece
        length += piece.length
        if (length >= bytes) exchange.request.socket.destroy()
      }
    }
    return normal()
  }

/** Takes the head of the request, nothing of its body, and never answers. */
export const deafness: Misbehaviour = ({ request }) =>
  new Promise((resolve) => request.socket.on('close', () => resolve({ status: 0, deliver: () => {} })))

/** Header lines without an end, as fast as they are taken. */
export const endlessHeaders: Misbehaviour = () => ({
  status: 0,
  deliver: async (response) => {
    const { socket } = response
    if (socket === null) return
    socket.write('HTTP/1.1 200 OK\r\n')
    for (let line = 0; !socket.destroyed && line < 1_000_000; line++)
      if (!socket.write(`X-Line-${line}: ${'x'.repeat(1000)}\r\n`)) await setTimeout(1)
  },
})

/** Header lines without an end, one in so many milliseconds. */
export const slowHeaders =
  (milliseconds: number): Misbehaviour =>
  () => ({
    status: 0,
    deliver: async (response) => {
      const { socket } = response
      if (socket === null) return
      socket.write('HTTP/1.1 200 OK\r\n')
      for (let line = 0; !socket.destroyed; line++) {
        socket.write(`X-${line}: x\r\n`)
        await setTimeout(milliseconds)
      }
    },
  })

/** A body without an end, of the normal answer’s headers without its length. Counts what it has sent in `sent`. */
export const endlessBody = (piece: Uint8Array, sent = { bytes: 0 }): Misbehaviour =>
  altered((answer) => ({
    ...answer,
    deliver: async (response) => {
      writeHead(response, { ...answer, headers: { ...answer.headers, 'Transfer-Encoding': 'chunked' } })
      while (await write(response, piece)) sent.bytes += piece.length
    },
  }))

/** An error of the registry’s. */
export const fail =
  (status: number, code: string, message: string, headers: Answer['headers'] = {}): Misbehaviour =>
  async (exchange) => {
    await exchange.body()
    return failure(status, code, message, headers)
  }

/** Any answer. */
export const answerWith =
  (answer: Answer): Misbehaviour =>
  async (exchange) => {
    await exchange.body()
    return answer
  }

export const redirectTo =
  (location: string | ((url: string) => string), status = 307): Misbehaviour =>
  (exchange) => ({
    status,
    headers: { Location: typeof location === 'string' ? location : location(exchange.request.url ?? '') },
  })

/** Headers added to the normal answer, or replacing what it has. */
export const withHeaders = (headers: NonNullable<Answer['headers']>): Misbehaviour =>
  altered((answer) => {
    const names = new Set(Object.keys(headers).map((name) => name.toLowerCase()))
    const kept = Object.entries(answer.headers ?? {}).filter(([name]) => !names.has(name.toLowerCase()))
    return { ...answer, headers: { ...Object.fromEntries(kept), ...headers } }
  })

/** Other bytes in the normal answer’s place, under its headers. */
export const withBody = (body: Uint8Array | string): Misbehaviour =>
  altered((answer) => ({ ...answer, body: Buffer.from(body as Uint8Array) }))

/** Answers every request for a part with the whole. */
export const ignoreRange: Misbehaviour = (exchange, normal) => {
  delete exchange.request.headers.range
  return normal()
}

/** One bit of the body changed, at this place. */
export const flip = (at: number): Misbehaviour =>
  altered((answer) => {
    if (!(answer.body instanceof Uint8Array)) return answer
    const body = Buffer.from(answer.body)
    body[at]! ^= 1
    return { ...answer, body }
  })
