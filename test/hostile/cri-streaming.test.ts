/** Clients of the streaming server that mean it no good: none gets what is another’s, stops the others, or fills the memory. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { deflateSync } from 'node:zlib'
import { MOST } from '../../cri/streaming/tokens.ts'
import { WherryError } from '../../runtime/errors.ts'
import { connectSpdy, controlFrame, fetchOnce, headerBlock, remoteCommand, upgradeLines } from '../support/cri/spdy-client.ts'
import { type Fixture, give, takeAll, withStreaming } from '../support/cri/streaming.ts'
import { connectWebSocket, encodeFrame } from '../support/cri/websocket-client.ts'
import { eventually } from '../support/eventually.ts'

const ALL = { stdin: true, stdout: true, stderr: true }
const V4 = ['v4.channel.k8s.io']
const MIB = 1024 * 1024

/** The server goes on for others. */
const stillServes = async (own: Fixture): Promise<void> => {
  const remote = await remoteCommand(own.exec({ cmd: ['good'], stdout: true }), { stdout: true })
  assert.equal(await remote.stdout!.all(), 'good')
}

const good = async ({ command }: { readonly command: readonly string[] }, streams: Parameters<typeof takeAll>[0]): Promise<number> => {
  if (command[0] === 'good') await give(streams.stdout, 'good')
  else if (command[0] === 'read') await takeAll(streams)
  else await new Promise((resolve) => streams.gone.addEventListener('abort', resolve))
  return 0
}

const open = async (own: Fixture): Promise<Socket> => {
  const { hostname, port } = new URL(own.exec())
  const socket = connect(Number(port), hostname)
  await once(socket, 'connect')
  return socket
}

test(
  'an address is good once, for what it was given for, and for nothing like it',
  withStreaming({ exec: good, attach: async () => {} }, async (own) => {
    const lines = upgradeLines(V4)
    const used = own.exec({ cmd: ['good'] })
    await (await remoteCommand(used, { stdout: true })).client.closed
    assert.equal((await fetchOnce(used, lines)).status, 404)
    const other = own.exec()
    assert.equal((await fetchOnce(other.replace('/exec/', '/attach/'), lines)).status, 404)
    assert.equal((await fetchOnce(other, lines)).status, 404, 'it was tried elsewhere')
    const token = new URL(own.exec()).pathname.slice('/exec/'.length)
    const { port } = new URL(other)
    for (const path of [
      '/',
      '/exec',
      '/exec/',
      `//exec/${token}`,
      `/exec//${token}`,
      `/exec/${token}/`,
      `/exec/${token}/..`,
      `/attach/../exec/${token}`,
      `/EXEC/${token}`,
      `/exec/${token.slice(0, -1)}`,
      `/exec/${token}A`,
      `/exec/${token}%00`,
      `/exec/${token.replace(/./, (first) => `%${first.charCodeAt(0).toString(16)}`)}`,
      `/exec/__proto__`,
      `/exec/${'A'.repeat(32)}`,
      `http://127.0.0.1:${port}/exec/${token}`,
      '*',
    ]) {
      const socket = await open(own)
      socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${lines.join('\r\n')}\r\n\r\n`)
      const parts: Buffer[] = []
      for await (const part of socket) parts.push(part as Buffer)
      assert.match(Buffer.concat(parts).toString(), /^HTTP\/1\.1 404 /, path)
    }
    await stillServes(own)
  }),
)

test(
  'tokens that nobody uses are counted',
  withStreaming({ exec: good }, async (own) => {
    for (let index = 0; index < MOST; index++) own.exec()
    assert.throws(
      () => own.exec(),
      (error) => error instanceof WherryError && error.kind === 'resource-exhausted',
    )
  }),
)

test(
  'what is no HTTP, too much of it, or no upgrade is answered and ended',
  withStreaming({ exec: good }, async (own) => {
    for (const [request, answer] of [
      ['PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['\0\0\0\0\r\n\r\n', /^HTTP\/1\.1 400 /],
      [`GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`, /^HTTP\/1\.1 431 /],
      ['CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n', /^$/],
      ['POST /exec/x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n', /^HTTP\/1\.1 400 /],
      ['GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n', /^HTTP\/1\.1 404 (?!.*HTTP\/1\.1)/s],
    ] as const) {
      const socket = await open(own)
      socket.on('error', () => {})
      socket.write(request)
      const parts: Buffer[] = []
      for await (const part of socket) parts.push(part as Buffer)
      assert.match(Buffer.concat(parts).toString(), answer, request.slice(0, 40))
    }
    await stillServes(own)
  }),
)

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

/** SYN_STREAM with a block of headers as it is. */
const synStream = (block: Uint8Array, id = 1): Buffer => controlFrame(1, 0, Buffer.concat([u32(id), u32(0), Buffer.alloc(2), block]))
/** Without the dictionary, and whole. */
const ENDED = synStream(deflateSync(headerBlock({ streamtype: 'error' })))

for (const [what, bytes] of [
  ['a control frame of 16 MiB', Buffer.from([0x80, 3, 0, 1, 0, 0xff, 0xff, 0xff])],
  ['another version', Buffer.from([0x80, 2, 0, 1, 0, 0, 0, 20])],
  ['headers that are not compressed', synStream(Buffer.alloc(50, 0xff))],
  ['headers behind the end of their stream', Buffer.concat([ENDED, synStream(deflateSync(headerBlock({ streamtype: 'stdout' })), 3)])],
  ['headers with something behind the end of their stream', synStream(Buffer.concat([deflateSync(headerBlock({})), Buffer.alloc(9)]))],
  ['a stream without headers', synStream(Buffer.alloc(0))],
  ['a cut SYN_STREAM', controlFrame(1, 0, Buffer.alloc(3))],
  ['a cut reset', controlFrame(3, 0, Buffer.alloc(2))],
] as const)
  test(
    `${what}: the connection ends, and the server goes on`,
    withStreaming({ exec: good }, async (own) => {
      const { client } = await connectSpdy(own.exec(), V4)
      await client.send(bytes)
      await client.closed
      await stillServes(own)
    }),
  )

const blockOf = (count: number, ...pairs: readonly (readonly [string, number])[]): Buffer =>
  Buffer.concat([
    u32(count),
    ...pairs.flatMap(([name, length]) => [u32(name.length), Buffer.from(name), u32(length), Buffer.alloc(length)]),
  ])

for (const [what, block] of [
  ['headers that become 64 MiB', Buffer.concat([u32(1), u32(1), Buffer.from('x'), u32(64 * MIB), Buffer.alloc(64 * MIB)])],
  ['a length of 4 GiB', Buffer.concat([u32(1), u32(0xffffffff)])],
  ['4 Gi headers', u32(0xffffffff)],
  ['one header twice', blockOf(2, ['x', 1], ['x', 1])],
  ['a header without a name', blockOf(1, ['', 1])],
  ['more than the headers', Buffer.concat([blockOf(1, ['x', 1]), Buffer.alloc(1)])],
] as const)
  test(
    `a block of headers with ${what}: the connection ends, and the server goes on`,
    withStreaming({ exec: good }, async (own) => {
      const { client } = await connectSpdy(own.exec(), V4)
      const compressed = await client.compress(block)
      // what is refused for its size is refused for what it becomes
      await client.send(synStream(compressed.subarray(0, 60_000)))
      await client.closed
      await stillServes(own)
    }),
  )

/** Writes until nothing more is taken; resolves to how much was. */
const flood = async (write: (bytes: Buffer) => Promise<void>, most: number): Promise<number> => {
  const bytes = Buffer.alloc(64 * 1024)
  let taken = 0
  let last = -1
  const writing = (async () => {
    while (taken < most) {
      await write(bytes)
      taken += bytes.length
    }
  })().catch(() => {})
  void writing
  await eventually('nothing more is taken', async () => {
    const before = last
    last = taken
    await new Promise((resolve) => setTimeout(resolve, 100))
    return taken >= most || (before === taken && taken > 0)
  })
  return taken
}

test(
  'stdin that nobody reads is not kept: it waits at the client',
  withStreaming({ exec: good }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    assert.ok((await flood((bytes) => remote.stdin!.write(bytes), 200 * MIB)) < 32 * MIB)
    const webSocket = await connectWebSocket(own.exec(ALL), ['v5.channel.k8s.io'])
    assert.ok((await flood((bytes) => webSocket.write(0, bytes), 200 * MIB)) < 32 * MIB)
    await stillServes(own)
    webSocket.destroy()
    remote.client.close()
  }),
)

test('output that a client does not read is not kept: its writer waits, until the client goes', async () => {
  for (const over of ['spdy', 'websocket']) {
    let taken = 0
    const { promise: ended, resolve } = Promise.withResolvers<void>()
    await withStreaming(
      {
        exec: async ({ command }, streams) => {
          if (command[0] === 'good') return good({ command }, streams)
          const chunk = Buffer.alloc(64 * 1024)
          while (!streams.gone.aborted) {
            await give(streams.stdout, chunk)
            taken += chunk.length
            if (taken % (4 * MIB) === 0) await new Promise((next) => setImmediate(next))
          }
          resolve()
          return 0
        },
      },
      async (own) => {
        const { hostname, port, pathname } = new URL(own.exec({ stdout: true }))
        let leave: () => void
        if (over === 'spdy') {
          const remote = await remoteCommand(own.exec({ stdout: true }), { stdout: true })
          remote.client.pause = new Promise(() => {})
          leave = () => remote.client.close()
        } else {
          const socket = connect(Number(port), hostname)
          socket.write(
            `GET ${pathname} HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n` +
              'Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n',
          )
          leave = () => socket.destroy()
        }
        let last = -1
        await eventually('the writer waits', async () => {
          const before = last
          last = taken
          await new Promise((next) => setTimeout(next, 100))
          return taken > 0 && before === taken
        })
        assert.ok(taken < 64 * MIB, `${over}: ${taken} bytes were taken`)
        await stillServes(own)
        leave()
        await ended
      },
    )()
  }
})

test(
  'pings without end are answered no faster than the answers are read',
  withStreaming({ exec: good }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    remote.client.pause = new Promise(() => {})
    const pings = Buffer.concat(Array.from({ length: 4096 }, () => controlFrame(6, 0, u32(1))))
    assert.ok((await flood(() => remote.client.send(pings), 3000 * 64 * 1024)) < 2000 * 64 * 1024)
    await stillServes(own)
    remote.client.close()
  }),
)

test(
  'a connection has no more streams than there is room for',
  withStreaming({}, async (own) => {
    const { client } = await connectSpdy(own.portForward(), ['portforward.k8s.io'])
    let refused = 0
    for (let index = 0; index < 2100; index++) {
      const stream = await client.ask({ streamtype: 'data', port: '80', requestid: String(index) })
      if ((await stream.reply.promise) === 'reset') refused += 1
    }
    assert.equal(refused, 100)
    client.close()
  }),
)

for (const [what, bytes, code] of [
  ['a frame that is not masked', encodeFrame(Buffer.from([0, 1]), { masked: false }), 1002],
  ['a message of 4 GiB', Buffer.from([0x82, 0xff, 0, 0, 0, 1, 0, 0, 0, 0, 1, 2, 3, 4]), 1009],
  ['a length that no number has', Buffer.from([0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4]), 1009],
  ['bits that are reserved', Buffer.from([0xf2, 0x80, 0, 0, 0, 0]), 1002],
  ['a control frame that is too long', encodeFrame(Buffer.alloc(200), { opcode: 9 }), 1002],
  ['text that is none', encodeFrame(Buffer.from([0xff, 0xfe]), { opcode: 1 }), 1007],
] as const)
  test(
    `${what} in a WebSocket: code ${code}, and the server goes on`,
    withStreaming({ exec: good }, async (own) => {
      const client = await connectWebSocket(own.exec(ALL), ['v5.channel.k8s.io'])
      await client.sendRaw(bytes)
      await client.closed
      assert.equal(client.closeCode, code)
      await stillServes(own)
    }),
  )

test(
  'a message in a million pieces is bounded as a whole',
  withStreaming({ exec: good }, async (own) => {
    const client = await connectWebSocket(own.exec(ALL), ['v5.channel.k8s.io'])
    const piece = encodeFrame(Buffer.alloc(MIB), { opcode: 0, fin: false })
    await client.send(Buffer.alloc(MIB), { fin: false })
    for (let index = 0; index < 40; index++) await client.sendRaw(piece).catch(() => {})
    await client.closed
    assert.ok(client.closeCode === 1009 || client.closeCode === undefined, String(client.closeCode))
    await stillServes(own)
  }),
)

test(
  'a thousand connections that say nothing are in nobody’s way, and are ended',
  withStreaming({ exec: good }, async (own) => {
    const { hostname, port } = new URL(own.exec())
    const idle = async (_: unknown, index: number): Promise<Socket> => {
      const socket = connect(Number(port), hostname)
      socket.on('error', () => {})
      await once(socket, 'connect')
      // half of them have begun to
      if (index % 2 === 0) socket.write('POST /exec/')
      return socket.resume()
    }
    const sockets = await Promise.all(Array.from({ length: 1000 }, idle))
    await stillServes(own)
    await eventually('all are ended', () => sockets.every((socket) => socket.readableEnded || socket.closed))
    for (const socket of sockets) socket.destroy()
  }),
)
