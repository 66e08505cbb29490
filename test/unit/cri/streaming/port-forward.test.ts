import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { test } from 'node:test'
import type { Backend } from '../../../../cri/streaming/types.ts'
import { connectSpdy, SpdyClient } from '../../../support/cri/spdy-client.ts'
import { type Fixture, withStreaming } from '../../../support/cri/streaming.ts'
import { connectWebSocket, tunnelCarrier } from '../../../support/cri/websocket-client.ts'

/** Ports of pods are ports of these servers. */
const withServers =
  (servers: Readonly<Record<number, (socket: Socket) => void>>, use: (own: Fixture) => Promise<void>) => async (): Promise<void> => {
    const open = new Map<number, Server>()
    for (const [port, serve] of Object.entries(servers)) {
      const server = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => {})
        serve(socket)
      }).listen(0, '127.0.0.1')
      await once(server, 'listening')
      open.set(Number(port), server)
    }
    const backend: Pick<Backend, 'connect'> = {
      connect: async (sandbox, port) => {
        assert.equal(sandbox, 's')
        const server = open.get(port)
        if (server === undefined) throw new Error(`nobody listens on port ${port}`)
        const socket = connect({ port: (server.address() as { port: number }).port, host: '127.0.0.1', allowHalfOpen: true })
        await once(socket, 'connect')
        return socket
      },
    }
    try {
      await withStreaming(backend, use)()
    } finally {
      for (const server of open.values()) server.close()
    }
  }

const echo = (socket: Socket): void => void socket.pipe(socket)

const openPair = async (client: SpdyClient, port: number | string, request?: string) => {
  const id = request === undefined ? {} : { requestid: request }
  const error = await client.open({ streamtype: 'error', port: String(port), ...id })
  const data = await client.open({ streamtype: 'data', port: String(port), ...id })
  return { error, data }
}

for (const tunnelled of [false, true]) {
  const connectTo = async (own: Fixture): Promise<SpdyClient> => {
    if (!tunnelled) return (await connectSpdy(own.portForward(), ['portforward.k8s.io'])).client
    const webSocket = await connectWebSocket(own.portForward(), ['SPDY/3.1+portforward.k8s.io'])
    assert.equal(webSocket.protocol, 'SPDY/3.1+portforward.k8s.io')
    return new SpdyClient(tunnelCarrier(webSocket))
  }
  test(
    `several ports and connections at once, each with its own end${tunnelled ? ', through a WebSocket' : ''}`,
    withServers(
      {
        80: echo,
        81: (socket) => void socket.end('from the server alone'),
        82: (socket) => void socket.on('end', () => socket.end('what comes after the end of the client')).resume(),
      },
      async (own) => {
        const client = await connectTo(own)
        const [one, two] = [await openPair(client, 80, '0'), await openPair(client, 80, '1')]
        await two.data.write('second')
        await one.data.write('first')
        await one.data.until(/^first$/)
        await two.data.until(/^second$/)
        await two.data.end()
        assert.equal(await two.data.all(), 'second')
        assert.equal(await two.error.all(), '')
        assert.equal(one.data.ended, undefined)
        const three = await openPair(client, 81, '2')
        assert.equal(await three.data.all(), 'from the server alone')
        await three.data.reset()
        assert.equal(await three.error.all(), '')
        const four = await openPair(client, 82, '3')
        await four.data.end()
        assert.equal(await four.data.all(), 'what comes after the end of the client')
        await one.data.end()
        assert.equal(await one.data.all(), 'first')
        client.close()
      },
    ),
  )

  test(
    `a port that nobody listens on is told over the error stream${tunnelled ? ', through a WebSocket' : ''}`,
    withServers({ 80: echo }, async (own) => {
      const client = await connectTo(own)
      const { error, data } = await openPair(client, 9, 'x')
      assert.equal(await error.all(), 'error forwarding port 9 to pod: nobody listens on port 9')
      await data.over.promise
      assert.equal(data.ended, 'reset')
      // the others go on
      const good = await openPair(client, 80, 'y')
      await good.data.write('still')
      await good.data.until(/still/)
      client.close()
    }),
  )
}

test(
  'a connection that its server cuts is cut, with no word of an error: kubectl would end all of them',
  withServers({ 80: echo, 81: (socket) => void socket.once('data', () => socket.resetAndDestroy()) }, async (own) => {
    const { client } = await connectSpdy(own.portForward(), ['portforward.k8s.io'])
    const cut = await openPair(client, 81, '0')
    await cut.data.write('x')
    await cut.data.over.promise
    assert.equal(cut.data.ended, 'reset')
    assert.equal(await cut.error.all(), '')
    const good = await openPair(client, 80, '1')
    await good.data.write('still')
    await good.data.until(/still/)
    client.close()
  }),
)

test(
  'old clients give no request id: the data stream follows its error stream',
  withServers({ 80: echo }, async (own) => {
    const { client } = await connectSpdy(own.portForward(), ['portforward.k8s.io'])
    const { data } = await openPair(client, 80)
    await data.write('old')
    await data.until(/old/)
    client.close()
  }),
)

test(
  'streams without a port, of another type, or twice there are refused',
  withServers({ 80: echo }, async (own) => {
    const { client } = await connectSpdy(own.portForward(), ['portforward.k8s.io'])
    const first = await client.ask({ streamtype: 'data', port: '80', requestid: 'r' })
    assert.equal(await first.reply.promise, 'reply')
    for (const headers of [
      { streamtype: 'data' },
      { streamtype: 'data', port: '0' },
      { streamtype: 'data', port: '65536' },
      { streamtype: 'data', port: '-1' },
      { streamtype: 'data', port: '80x' },
      { streamtype: 'stdin', port: '80' },
      { port: '80' },
      { streamtype: 'data', port: '80', requestid: 'r' },
    ])
      assert.equal(await (await client.ask(headers)).reply.promise, 'reset', JSON.stringify(headers))
    client.close()
  }),
)

test('the server’s side is let go of when the client has gone', async () => {
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  await withServers({ 80: (socket) => void socket.on('end', () => resolve()).resume() }, async (own) => {
    const { client } = await connectSpdy(own.portForward(), ['portforward.k8s.io'])
    const { data } = await openPair(client, 80, '0')
    await data.write('x')
    client.close()
    await gone
  })()
})

for (const [protocol, text] of [
  ['v4.channel.k8s.io', false],
  ['v4.base64.channel.k8s.io', true],
] as const)
  test(
    `${protocol}: a pair of channels for each port that was asked for`,
    withServers({ 80: echo, 443: (socket) => void socket.end('secure') }, async (own) => {
      const client = await connectWebSocket(own.portForward([80, 443, 9]), [protocol])
      await client.until('all ports', () => [0, 1, 2, 3, 4, 5].every((channel) => client.bytes(channel).length >= 2))
      for (const [channel, port] of [
        [0, 80],
        [1, 80],
        [2, 443],
        [3, 443],
        [4, 9],
        [5, 9],
      ] as const)
        assert.equal(client.bytes(channel).readUInt16LE(), port, `channel ${channel}`)
      await client.until('the other port', () => client.bytes(2).toString('latin1', 2) === 'secure')
      await client.until('the error', () => client.bytes(5).toString('latin1', 2).includes('nobody listens on port 9'))
      await (text ? client.writeBase64(0, 'echo') : client.write(0, 'echo'))
      await client.until('the echo', () => client.bytes(0).toString('latin1', 2) === 'echo')
      client.destroy()
    }),
  )
