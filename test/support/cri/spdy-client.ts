/**
 * A client of SPDY/3.1 as Kubernetes' own behaves: frames written by hand from the draft, headers compressed by zlib with the dictionary. It shares
 * nothing with the server, so that the two cannot be wrong together.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { constants, createDeflate, createInflate, type Deflate, type Inflate } from 'node:zlib'

/** From the draft, as it is printed there. */
const lengths = (text: string): Buffer =>
  Buffer.concat(
    text.split('|').map((word) => {
      const head = Buffer.alloc(4)
      head.writeUInt32BE(word.length)
      return Buffer.concat([head, Buffer.from(word)])
    }),
  )
const DICTIONARY = Buffer.concat([
  lengths(
    'options|head|post|put|delete|trace|accept|accept-charset|accept-encoding|accept-language|accept-ranges|age|allow|authorization|' +
      'cache-control|connection|content-base|content-encoding|content-language|content-length|content-location|content-md5|content-range|' +
      'content-type|date|etag|expect|expires|from|host|if-match|if-modified-since|if-none-match|if-range|if-unmodified-since|last-modified|' +
      'location|max-forwards|pragma|proxy-authenticate|proxy-authorization|range|referer|retry-after|server|te|trailer|transfer-encoding|' +
      'upgrade|user-agent|vary|via|warning|www-authenticate|method|get|status|200 OK|version|HTTP/1.1|url|public|set-cookie|keep-alive|origin',
  ),
  Buffer.from(
    '100101201202205206300302303304305306307402405406407408409410411412413414415416417502504505203 Non-Authoritative Information' +
      '204 No Content301 Moved Permanently400 Bad Request401 Unauthorized403 Forbidden404 Not Found500 Internal Server Error' +
      '501 Not Implemented503 Service UnavailableJan Feb Mar Apr May Jun Jul Aug Sept Oct Nov Dec 00:00:00 Mon, Tue, Wed, Thu, Fri, Sat, Sun, GMT' +
      'chunked,text/html,image/png,image/jpg,image/gif,application/xml,application/xhtml+xml,text/plain,text/javascript,public' +
      'privatemax-age=gzip,deflate,sdchcharset=utf-8charset=iso-8859-1,utf-,*,enq=0.',
  ),
])

export interface HttpAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, readonly string[]>
  readonly body: string
}

/** Sends a request by hand and reads the answer's head; what came behind it is `rest`. */
export const sendRequest = async (
  socket: Socket,
  lines: readonly string[],
): Promise<Omit<HttpAnswer, 'body'> & { readonly rest: Buffer }> => {
  socket.write(`${lines.join('\r\n')}\r\n\r\n`)
  let bytes = Buffer.alloc(0)
  while (!bytes.includes('\r\n\r\n')) {
    const chunk = socket.read() as Buffer | null
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk])
    else if (socket.readableEnded || socket.destroyed) throw new Error(`the server has ended the connection: ${bytes.toString()}`)
    else await Promise.race([once(socket, 'readable'), once(socket, 'close')])
  }
  const at = bytes.indexOf('\r\n\r\n')
  const [first, ...others] = bytes.toString('latin1', 0, at).split('\r\n')
  const headers = new Map<string, string[]>()
  for (const line of others) {
    const [, name, value] = /^([^:]+):\s*(.*)$/.exec(line)!
    headers.set(name!.toLowerCase(), [...(headers.get(name!.toLowerCase()) ?? []), value!])
  }
  return { status: Number(first!.split(' ')[1]), headers, rest: bytes.subarray(at + 4) }
}

/** The answer to one request, read to the end of the connection. */
export const fetchOnce = async (url: string, lines: readonly string[], method = 'POST'): Promise<HttpAnswer> => {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  const { status, headers, rest } = await sendRequest(socket, [`${method} ${pathname} HTTP/1.1`, `Host: ${hostname}`, ...lines])
  const parts = [rest]
  for await (const part of socket) parts.push(part as Buffer)
  socket.destroy()
  return { status, headers, body: Buffer.concat(parts).toString() }
}

export const upgradeLines = (protocols: readonly string[]): readonly string[] => [
  'Connection: Upgrade',
  'Upgrade: SPDY/3.1',
  ...protocols.map((name) => `X-Stream-Protocol-Version: ${name}`),
  'Content-Length: 0',
]

/** Bytes that carry SPDY: a socket, or a tunnel. */
export interface Carrier {
  write(bytes: Uint8Array): Promise<void>
  readonly incoming: AsyncIterable<Buffer>
  close(): void
}

export const socketCarrier = (socket: Socket, rest: Buffer): Carrier => ({
  write: (bytes) =>
    new Promise((resolve, reject) => {
      socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    }),
  incoming: (async function* () {
    if (rest.length > 0) yield rest
    try {
      yield* socket as AsyncIterable<Buffer>
    } catch {
      // reset by the server
    }
  })(),
  close: () => socket.destroy(),
})

export class ClientStream {
  readonly id: number
  readonly #client: SpdyClient
  readonly chunks: Buffer[] = []
  size = 0
  reply = Promise.withResolvers<'reply' | 'reset'>()
  over = Promise.withResolvers<void>()
  ended: 'end' | 'reset' | 'connection' | undefined
  /** What arrives is counted, and not kept. */
  counting = false
  #wake: (() => void) | undefined

  constructor(client: SpdyClient, id: number) {
    this.#client = client
    this.id = id
  }

  write(data: string | Uint8Array): Promise<void> {
    return this.#client.send(data64(this.id, typeof data === 'string' ? Buffer.from(data) : data, 0))
  }

  end(): Promise<void> {
    return this.#client.send(data64(this.id, Buffer.alloc(0), 1))
  }

  reset(): Promise<void> {
    return this.#client.send(controlFrame(3, 0, u32s(this.id, 5)))
  }

  take(bytes: Buffer): void {
    this.size += bytes.length
    if (!this.counting) this.chunks.push(bytes)
    this.#wake?.()
  }

  finish(how: 'end' | 'reset' | 'connection'): void {
    this.ended ??= how
    this.reply.resolve('reset')
    this.over.resolve()
    this.#wake?.()
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString()
  }

  /** All of it, once it has ended. */
  async all(): Promise<string> {
    await this.over.promise
    return this.text
  }

  /** Resolves when the text has what the pattern finds; fails where the stream ends before. */
  async until(pattern: RegExp): Promise<string> {
    while (!pattern.test(this.text)) {
      if (this.ended !== undefined) assert.fail(`the stream has ended (${this.ended}) without ${pattern}: ${JSON.stringify(this.text)}`)
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    return this.text
  }
}

const u32s = (...values: readonly number[]): Buffer => {
  const bytes = Buffer.alloc(values.length * 4)
  for (const [index, value] of values.entries()) bytes.writeUInt32BE(value >>> 0, index * 4)
  return bytes
}

/** A data frame. */
const data64 = (id: number, bytes: Uint8Array, flags: number): Buffer =>
  Buffer.concat([u32s(id), Buffer.from([flags, bytes.length >> 16, (bytes.length >> 8) & 255, bytes.length & 255]), bytes])

export const controlFrame = (type: number, flags: number, payload: Uint8Array): Buffer =>
  Buffer.concat([Buffer.from([0x80, 3, 0, type, flags, payload.length >> 16, (payload.length >> 8) & 255, payload.length & 255]), payload])

export const headerBlock = (headers: Readonly<Record<string, string>>): Buffer => {
  const text = (value: string): Buffer => Buffer.concat([u32s(Buffer.byteLength(value)), Buffer.from(value)])
  return Buffer.concat([
    u32s(Object.keys(headers).length),
    ...Object.entries(headers).flatMap(([name, value]) => [text(name), text(value)]),
  ])
}

export interface AskOptions {
  readonly id?: number
  readonly flags?: number
}

export class SpdyClient {
  readonly #carrier: Carrier
  readonly #deflate: Deflate = createDeflate({ dictionary: DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  readonly #inflate: Inflate = createInflate({ dictionary: DICTIONARY, flush: constants.Z_SYNC_FLUSH })
  readonly streams = new Map<number, ClientStream>()
  #next = 1
  #asking: Promise<unknown> = Promise.resolve()
  readonly pongs: Buffer[] = []
  wentAway = false
  /** Resolves when the server has ended the connection. */
  readonly closed: Promise<void>
  /** While it is set nothing is read. */
  pause: Promise<void> | undefined

  constructor(carrier: Carrier) {
    this.#carrier = carrier
    this.closed = this.#read()
  }

  send(bytes: Uint8Array): Promise<void> {
    return this.#carrier.write(bytes)
  }

  async compress(block: Uint8Array): Promise<Buffer> {
    const parts: Buffer[] = []
    const take = (part: Buffer): void => void parts.push(part)
    this.#deflate.on('data', take)
    await new Promise<void>((resolve) => this.#deflate.write(block, () => resolve()))
    await new Promise((resolve) => setImmediate(resolve))
    this.#deflate.off('data', take)
    return Buffer.concat(parts)
  }

  /** Asks for a stream; does not wait for the answer. */
  ask(headers: Readonly<Record<string, string>>, options: AskOptions = {}): Promise<ClientStream> {
    // blocks are to go out in the order in which they are compressed
    const asked = this.#asking.then(() => this.#ask(headers, options))
    this.#asking = asked.catch(() => {})
    return asked
  }

  async #ask(headers: Readonly<Record<string, string>>, options: AskOptions): Promise<ClientStream> {
    const id = options.id ?? this.#next
    this.#next = Math.max(this.#next, id + 2)
    const stream = new ClientStream(this, id)
    this.streams.set(id, stream)
    const block = await this.compress(headerBlock(headers))
    await this.send(controlFrame(1, options.flags ?? 0, Buffer.concat([u32s(id, 0), Buffer.from([0, 0]), block])))
    return stream
  }

  /** A stream that the server has accepted. */
  async open(headers: Readonly<Record<string, string>>): Promise<ClientStream> {
    const stream = await this.ask(headers)
    assert.equal(await stream.reply.promise, 'reply', `the server accepts ${JSON.stringify(headers)}`)
    return stream
  }

  ping(id: number): Promise<void> {
    return this.send(controlFrame(6, 0, u32s(id)))
  }

  close(): void {
    this.#carrier.close()
  }

  async #read(): Promise<void> {
    let bytes: Buffer = Buffer.alloc(0)
    try {
      for await (const chunk of this.#carrier.incoming) {
        await this.pause
        bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
        while (bytes.length >= 8) {
          const length = bytes.readUIntBE(5, 3)
          if (bytes.length < 8 + length) break
          await this.#frame(bytes.subarray(0, 8), bytes.subarray(8, 8 + length))
          bytes = bytes.subarray(8 + length)
        }
      }
    } finally {
      for (const stream of this.streams.values()) stream.finish('connection')
      this.#deflate.destroy()
      this.#inflate.destroy()
    }
  }

  async #frame(head: Buffer, payload: Buffer): Promise<void> {
    const first = head.readUInt32BE(0)
    const flags = head[4]!
    if (first >>> 31 === 0) {
      const stream = this.streams.get(first)
      assert.ok(stream !== undefined, `data of stream ${first}, which there is`)
      assert.equal(stream.ended, undefined, `no data behind the end of stream ${first}`)
      if (payload.length > 0) stream.take(payload)
      if ((flags & 1) !== 0) stream.finish('end')
      return
    }
    assert.equal((first >>> 16) & 0x7fff, 3, 'version 3')
    const type = first & 0xffff
    const stream = payload.length >= 4 ? this.streams.get(payload.readUInt32BE(0)) : undefined
    if (type === 2) {
      assert.deepEqual(await this.#decompress(payload.subarray(4)), Buffer.alloc(4), 'a reply has no headers')
      stream?.reply.resolve('reply')
    } else if (type === 3) stream?.finish('reset')
    else if (type === 6) this.pongs.push(payload)
    else if (type === 7) this.wentAway = true
    else assert.fail(`a frame of type ${type}`)
  }

  async #decompress(block: Buffer): Promise<Buffer> {
    const parts: Buffer[] = []
    const take = (part: Buffer): void => void parts.push(part)
    this.#inflate.on('data', take)
    await new Promise<void>((resolve, reject) => {
      this.#inflate.once('error', reject)
      this.#inflate.write(block, () => {
        this.#inflate.off('error', reject)
        resolve()
      })
    })
    await new Promise((resolve) => setImmediate(resolve))
    this.#inflate.off('data', take)
    return Buffer.concat(parts)
  }
}

/** Connects to a URL that the server has given out. */
export const connectSpdy = async (
  url: string,
  protocols: readonly string[],
): Promise<{ readonly client: SpdyClient; readonly protocol: string }> => {
  const { hostname, port, pathname } = new URL(url)
  const socket = connect(Number(port), hostname.replace(/^\[|\]$/g, ''))
  await once(socket, 'connect')
  const { status, headers, rest } = await sendRequest(socket, [
    `POST ${pathname} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'User-Agent: wherry-test',
    ...upgradeLines(protocols),
  ])
  if (status !== 101) {
    socket.destroy()
    throw new Error(`the server answers ${status}`)
  }
  assert.equal(headers.get('upgrade')?.[0], 'SPDY/3.1')
  return { client: new SpdyClient(socketCarrier(socket, rest)), protocol: headers.get('x-stream-protocol-version')![0]! }
}

export interface Remote {
  readonly client: SpdyClient
  readonly protocol: string
  readonly error: ClientStream
  readonly stdin: ClientStream | undefined
  readonly stdout: ClientStream | undefined
  readonly stderr: ClientStream | undefined
  readonly resize: ClientStream | undefined
}

/** exec and attach as kubectl opens them. */
export const remoteCommand = async (
  url: string,
  wanted: { readonly stdin?: boolean; readonly stdout?: boolean; readonly stderr?: boolean; readonly tty?: boolean },
  protocols: readonly string[] = ['v4.channel.k8s.io', 'v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'],
): Promise<Remote> => {
  const { client, protocol } = await connectSpdy(url, protocols)
  const open = async (type: string, condition: boolean | undefined): Promise<ClientStream | undefined> =>
    condition === true ? client.open({ streamtype: type }) : undefined
  const error = await client.open({ streamtype: 'error' })
  const [stdin, stdout, stderr] = [
    await open('stdin', wanted.stdin),
    await open('stdout', wanted.stdout),
    await open('stderr', wanted.stderr),
  ]
  const resizes = wanted.tty === true && /^v[34]\./.test(protocol)
  return { client, protocol, error, stdin, stdout, stderr, resize: await open('resize', resizes) }
}
