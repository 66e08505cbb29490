/** What a client of the CRI server’s may send: garbage, too much, too many, and messages that are none. The server goes on. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2, constants } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { connectCri, failsWith } from '../support/cri/client.ts'
import { TestServer } from '../support/cri/server.ts'
import { eventually } from '../support/eventually.ts'
import { Random } from '../support/random.ts'
import { requires } from '../support/requires.ts'

const INVALID = 3
const EXHAUSTED = 8
const UNIMPLEMENTED = 12

const MiB = 1024 * 1024
const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

const RUNTIME = '/runtime.v1.RuntimeService'
const IMAGES = '/runtime.v1.ImageService'

/** A length-delimited field. */
const field = (number: number, bytes: Uint8Array): Buffer => {
  const length: number[] = []
  for (let left = bytes.length; ; left >>>= 7) {
    length.push(left > 127 ? (left & 127) | 128 : left)
    if (left <= 127) break
  }
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...length]), bytes])
}

describe('the socket of CRI', { skip: requires('root', 'busybox') }, () => {
  let server: TestServer
  before(async () => {
    server = await TestServer.open({ images: false })
  })
  after(() => server.close())

  const serves = async (): Promise<void> => {
    const client = server.connect()
    try {
      assert.equal((await client.version({}, { timeout: 20_000 })).runtimeName, 'wherry')
    } finally {
      client.close()
    }
  }

  const raw = async (): Promise<Socket> => {
    const socket = connect(server.config.socket)
    socket.on('error', () => {})
    socket.resume()
    await once(socket, 'connect')
    return socket
  }

  test('garbage ends its connection and nothing else', async () => {
    const dice = new Random(1)
    const noise = (length: number): Buffer => Buffer.from(Array.from({ length }, () => dice.below(256)))
    const garbage = [
      Buffer.from('GET / HTTP/1.1\r\nHost: x\r\n\r\n'),
      Buffer.alloc(1),
      Buffer.from(PREFACE.slice(0, 10)),
      ...Array.from({ length: 40 }, () => noise(1 + dice.below(3000))),
      ...Array.from({ length: 40 }, () => Buffer.concat([Buffer.from(PREFACE), noise(1 + dice.below(3000))])),
      // a HEADERS frame that says it has 16 MiB
      Buffer.concat([Buffer.from(PREFACE), Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]), Buffer.from([255, 255, 255, 1, 4, 0, 0, 0, 1])]),
    ]
    for (const bytes of garbage) {
      const socket = await raw()
      socket.end(bytes)
      await Promise.race([once(socket, 'close'), setTimeout(200)])
      socket.destroy()
    }
    await serves()
  })

  test('bytes that are no message are refused, naming it', async () => {
    const { client } = server
    for (const [method, name] of [
      ['Version', 'VersionRequest'],
      ['RunPodSandbox', 'RunPodSandboxRequest'],
      ['ListContainers', 'ListContainersRequest'],
    ] as const) {
      const refused = failsWith(INVALID, new RegExp(`^${name}: this is no such message`))
      await assert.rejects(client.raw(`${RUNTIME}/${method}`, Buffer.from([0x0a, 0xff])), refused, 'cut short')
      await assert.rejects(client.raw(`${RUNTIME}/${method}`, Buffer.from([0x0f])), refused, 'no such wire type')
      await assert.rejects(client.raw(`${RUNTIME}/${method}`, Buffer.alloc(100, 0xff)), refused, 'no end of a number')
    }
  })

  test('a field of another type, or text that is no text, is refused', async () => {
    const { client } = server
    // version is a text, here a number
    await assert.rejects(client.raw(`${RUNTIME}/Version`, Buffer.from([0x08, 1])), failsWith(INVALID, /VersionRequest/))
    await assert.rejects(client.raw(`${RUNTIME}/Version`, field(1, Buffer.from([0xc3, 0x28]))), failsWith(INVALID, /VersionRequest/))
    const image = field(1, field(1, Buffer.from([0xff, 0xfe])))
    await assert.rejects(client.raw(`${IMAGES}/PullImage`, image), failsWith(INVALID, /PullImageRequest/))
    // config is a message, here a number
    await assert.rejects(client.raw(`${RUNTIME}/RunPodSandbox`, Buffer.from([0x08, 1])), failsWith(INVALID, /RunPodSandboxRequest/))
  })

  test('messages within messages without end are refused', async () => {
    let nested: Uint8Array = Buffer.alloc(0)
    // PodSandboxConfig has no recursion; what is unknown is skipped, groups too
    for (let depth = 0; depth < 20_000; depth++) nested = Buffer.concat([Buffer.from([0x7b]), nested])
    await assert.rejects(server.client.raw(`${RUNTIME}/Version`, nested), failsWith(INVALID, /VersionRequest/))
    await serves()
  })

  test('unknown fields are no mistake', async () => {
    await server.client.raw(`${RUNTIME}/Version`, Buffer.concat([field(1, Buffer.from('v1')), field(2000 >> 7, Buffer.from('new'))]))
  })

  test('a message of more than 16 MiB is refused, and one below is read', async () => {
    const { client } = server
    const text = (length: number): Buffer => field(1, Buffer.alloc(length, 'x'))
    await client.raw(`${RUNTIME}/Version`, text(15 * MiB))
    await assert.rejects(client.raw(`${RUNTIME}/Version`, text(17 * MiB)), failsWith(EXHAUSTED, /larger than max|too large/i))
    await serves()
  })

  test('an RPC or service that there is not is unimplemented', async () => {
    for (const path of [`${RUNTIME}/Nothing`, '/runtime.v1alpha2.RuntimeService/Version', '/x', `${RUNTIME}/__proto__`])
      await assert.rejects(server.client.raw(path, Buffer.alloc(0)), (error: { code: number }) => error.code === UNIMPLEMENTED, path)
  })

  test('what is no gRPC is refused', async () => {
    const session = connectHttp2('http://localhost', { createConnection: () => connect(server.config.socket) })
    try {
      for (const headers of [
        { ':method': 'GET', ':path': '/' },
        { ':method': 'POST', ':path': `${RUNTIME}/Version`, 'content-type': 'text/html' },
      ]) {
        const stream = session.request(headers, { endStream: true })
        stream.resume()
        const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
        assert.notEqual(answer[constants.HTTP2_HEADER_STATUS] === 200 && answer['grpc-status'] === '0', true)
        await once(stream, 'close')
      }
      // a frame that says it is compressed, one that lies about its length, and one without end
      for (const bytes of [Buffer.from([1, 0, 0, 0, 1, 7]), Buffer.from([0, 0xff, 0xff, 0xff, 0xff, 1]), Buffer.from([0, 0, 0])]) {
        const stream = session.request({
          ':method': 'POST',
          ':path': `${RUNTIME}/Version`,
          'content-type': 'application/grpc',
          te: 'trailers',
        })
        stream.resume()
        stream.end(bytes)
        const [answer] = (await once(stream, 'response')) as [Record<string, unknown>]
        if (answer['grpc-status'] === undefined) {
          const [trailers] = (await once(stream, 'trailers')) as [Record<string, unknown>]
          assert.notEqual(trailers['grpc-status'], '0')
        } else assert.notEqual(answer['grpc-status'], '0')
      }
    } finally {
      session.destroy()
    }
    await serves()
  })

  test('a thousand idle connections, and those that go away in the middle, leave room for others', async () => {
    const idle = await Promise.all(Array.from({ length: 1000 }, raw))
    try {
      for (const socket of idle.slice(0, 500)) socket.write(PREFACE)
      await serves()
      for (const socket of idle.slice(0, 100)) socket.destroy()
      await serves()
    } finally {
      for (const socket of idle) socket.destroy()
    }
    await eventually('their descriptors are closed', async () => (await import('node:fs')).readdirSync('/proc/self/fd').length < 200)
  })

  test('a thousand calls at once on one connection are all answered', async () => {
    const client = connectCri(`unix:${server.config.socket}`)
    try {
      const answers = await Promise.all(Array.from({ length: 2000 }, () => client.version()))
      assert.ok(answers.every(({ runtimeName }) => runtimeName === 'wherry'))
    } finally {
      client.close()
    }
  })

  test('messages of errors stay small, and whole', async () => {
    const name = `${'€'.repeat(5000)}`
    await assert.rejects(server.client.pullImage({ image: { image: name } }), (error: { code: number; details: string }) => {
      assert.equal(error.code, INVALID)
      assert.ok(Buffer.byteLength(error.details) <= 4100)
      assert.doesNotMatch(error.details, /\uFFFD/)
      return true
    })
  })

  test('streams that nobody reads and everybody leaves are let go', async () => {
    for (let round = 0; round < 50; round++) {
      const client = server.connect()
      const stream = client.streamImages()[Symbol.asyncIterator]()
      await stream.next()
      client.close()
    }
    await serves()
  })
})
