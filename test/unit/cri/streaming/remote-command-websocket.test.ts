import assert from 'node:assert/strict'
import { test } from 'node:test'
import { give, takeAll, withStreaming } from '../../../support/cri/streaming.ts'
import { connectWebSocket } from '../../../support/cri/websocket-client.ts'

const ALL = { stdin: true, stdout: true, stderr: true }
const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4]

test(
  'version 5: stdin can end, and the status is JSON before a normal close',
  withStreaming(
    {
      exec: async (_, streams) => {
        await give(streams.stderr, 'wait')
        await give(streams.stdout, `<${await takeAll(streams)}>`)
        return 7
      },
    },
    async (own) => {
      const client = await connectWebSocket(own.exec(ALL), ['v5.channel.k8s.io'])
      assert.equal(client.protocol, 'v5.channel.k8s.io')
      await client.until('stderr', () => client.text(STDERR) === 'wait')
      assert.deepEqual(client.messages[0], { text: false, bytes: Buffer.from([STDOUT]) }, 'an empty message tells that it is connected')
      await client.write(STDIN, 'one ')
      // of what is no input, or no channel
      for (const channel of [STDOUT, STDERR, ERROR, RESIZE, 77]) await client.write(channel, 'nonsense')
      await client.send(Buffer.from([STDIN, 0x74]), { fin: false })
      await client.ping('in between')
      await client.send(Buffer.from('wo'), { opcode: 0 })
      await client.send(Buffer.alloc(0))
      await client.closeChannel(STDIN)
      await client.closed
      assert.equal(client.text(STDOUT), '<one two>')
      assert.equal(JSON.parse(client.text(ERROR)).details.causes[0].message, '7')
      assert.equal(client.closeCode, 1000)
      assert.deepEqual(client.pongs.map(String), ['in between'])
    },
  ),
)

test(
  'version 4: stdin ends with the client alone, and 255 is no more than a channel that there is not',
  withStreaming(
    {
      exec: async ({ tty }, streams) => {
        if (tty) {
          for await (const { columns, rows } of streams.sizes!) await give(streams.stdout, `${columns}x${rows}`)
          return 0
        }
        for await (const bytes of streams.stdin!) {
          await give(streams.stdout, bytes)
          if (Buffer.from(bytes).includes('q')) return 0
        }
        return 1
      },
    },
    async (own) => {
      const client = await connectWebSocket(own.exec(ALL), ['nonsense', 'v4.channel.k8s.io', 'v5.channel.k8s.io'])
      assert.equal(client.protocol, 'v4.channel.k8s.io')
      await client.closeChannel(STDIN)
      await client.write(STDIN, 'q')
      await client.closed
      assert.equal(client.text(STDOUT), 'q')
      assert.deepEqual(JSON.parse(client.text(ERROR)), { status: 'Success' })
      const terminal = await connectWebSocket(own.exec({ stdin: true, tty: true }), ['v4.channel.k8s.io'])
      await terminal.write(RESIZE, '{"Width":80,"Height":24}')
      await terminal.until('a size', () => terminal.text(STDOUT) === '80x24')
      await terminal.leave()
      assert.equal(terminal.closeCode, 1000)
    },
  ),
)

for (const [protocol, json] of [
  ['v4.base64.channel.k8s.io', true],
  ['base64.channel.k8s.io', false],
] as const)
  test(
    `${protocol}: text, both ways`,
    withStreaming(
      {
        exec: async (_, streams) => {
          for await (const bytes of streams.stdin!) {
            await give(streams.stdout, bytes)
            break
          }
          return 3
        },
      },
      async (own) => {
        const client = await connectWebSocket(own.exec(ALL), [protocol])
        await client.writeBase64(STDIN, 'hällo')
        await client.closed
        assert.ok(client.messages.every(({ text }) => text))
        assert.equal(client.text(STDOUT), 'hällo')
        const told = client.text(ERROR)
        assert.equal(json ? JSON.parse(told).message : told, 'command terminated with non-zero exit code: 3')
        const wrong = await connectWebSocket(own.exec(ALL), [protocol])
        await wrong.send(Buffer.from('0no base64!'), { opcode: 1 })
        await wrong.closed
        assert.equal(wrong.closeCode, 1007)
      },
    ),
  )

for (const protocols of [['channel.k8s.io'], []])
  test(
    `${protocols[0] ?? 'no protocol'}: failures are text, success is nothing`,
    withStreaming({ exec: async ({ command }) => Number(command[0]) }, async (own) => {
      const good = await connectWebSocket(own.exec({ cmd: ['0'] }), protocols)
      assert.equal(good.protocol, protocols[0])
      await good.closed
      assert.equal(good.text(ERROR), '')
      const bad = await connectWebSocket(own.exec({ cmd: ['9'] }), protocols)
      await bad.closed
      assert.equal(bad.text(ERROR), 'command terminated with non-zero exit code: 9')
    }),
  )

test(
  'without a protocol in common it is refused',
  withStreaming({}, async (own) => {
    await assert.rejects(connectWebSocket(own.exec(), ['v6.channel.k8s.io']), /answers 403/)
    await assert.rejects(connectWebSocket(own.portForward([80]), ['v5.channel.k8s.io']), /answers 403/)
  }),
)

test(
  'a close of more than a channel, or of one that there is not, ends the connection',
  withStreaming({ exec: () => new Promise(() => {}) }, async (own) => {
    for (const bytes of [[255], [255, 0, 0], [255, 5]]) {
      const client = await connectWebSocket(own.exec(ALL), ['v5.channel.k8s.io'])
      await client.send(Buffer.from(bytes))
      await client.closed
      assert.equal(client.closeCode, 1002, String(bytes))
    }
  }),
)

test('a server that ends says so', async () => {
  let message = ''
  await withStreaming({ attach: () => new Promise(() => {}) }, async (own) => {
    const client = await connectWebSocket(own.attach(), ['v5.channel.k8s.io'])
    await own.streaming.close()
    await client.closed
    message = JSON.parse(client.text(ERROR)).message
  })()
  assert.match(message, /the server is ending/)
})
