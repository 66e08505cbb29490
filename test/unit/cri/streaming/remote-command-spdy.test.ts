import assert from 'node:assert/strict'
import { test } from 'node:test'
import { WherryError } from '../../../../runtime/errors.ts'
import { connectSpdy, fetchOnce, remoteCommand, upgradeLines } from '../../../support/cri/spdy-client.ts'
import { give, takeAll, withStreaming } from '../../../support/cri/streaming.ts'

const ALL = { stdin: true, stdout: true, stderr: true }

test(
  'stdin ends with the client’s; outputs are apart; the status comes last, in JSON',
  withStreaming(
    {
      exec: async ({ containerId, command, tty }, streams) => {
        assert.deepEqual([containerId, command, tty], ['c', ['sort', '-r'], false])
        await give(streams.stderr, 'wait\n')
        await give(streams.stdout, `<${await takeAll(streams)}>`)
        return 0
      },
    },
    async (own) => {
      const remote = await remoteCommand(own.exec({ cmd: ['sort', '-r'], ...ALL }), ALL)
      assert.equal(remote.protocol, 'v4.channel.k8s.io')
      await remote.stderr!.until(/wait/)
      await remote.stdin!.write('one ')
      await remote.stdin!.write('two')
      await remote.stdin!.end()
      assert.equal(await remote.stdout!.all(), '<one two>')
      assert.equal(await remote.stderr!.all(), 'wait\n')
      assert.deepEqual(JSON.parse(await remote.error.all()), { status: 'Success' })
      assert.deepEqual([remote.stdout!.ended, remote.error.ended], ['end', 'end'])
      await remote.client.closed
      assert.ok(remote.client.wentAway)
    },
  ),
)

test(
  'an exit status that is not 0 is a failure with its cause',
  withStreaming({ exec: async () => 42 }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    assert.deepEqual(JSON.parse(await remote.error.all()), {
      status: 'Failure',
      message: 'command terminated with non-zero exit code: 42',
      reason: 'NonZeroExitCode',
      details: { causes: [{ reason: 'ExitCode', message: '42' }] },
    })
  }),
)

test(
  'what cannot be executed is told as an internal error',
  withStreaming(
    {
      exec: async () => {
        throw new WherryError('not-found', 'exec: "nope": no such file')
      },
    },
    async (own) => {
      const remote = await remoteCommand(own.exec(ALL), ALL)
      const status = JSON.parse(await remote.error.all())
      assert.equal(status.reason, 'InternalError')
      assert.equal(status.message, 'Internal error occurred: error executing command in container: exec: "nope": no such file')
    },
  ),
)

for (const protocol of ['v3.channel.k8s.io', 'v2.channel.k8s.io', 'channel.k8s.io'])
  test(
    `${protocol} tells failures in plain text, and success by nothing`,
    withStreaming({ exec: async ({ command }) => Number(command[0]) }, async (own) => {
      const good = await remoteCommand(own.exec({ cmd: ['0'], ...ALL }), ALL, [protocol])
      assert.equal(good.protocol, protocol)
      assert.equal(await good.error.all(), '')
      assert.equal(good.error.ended, 'end')
      const bad = await remoteCommand(own.exec({ cmd: ['3'], ...ALL }), ALL, [protocol])
      assert.equal(await bad.error.all(), 'command terminated with non-zero exit code: 3')
    }),
  )

test(
  'a terminal has sizes, and no stderr; sizes that are none are passed over',
  withStreaming(
    {
      exec: async ({ tty }, { sizes, stderr, stdout }) => {
        assert.ok(tty)
        assert.equal(stderr, undefined)
        for await (const { columns, rows } of sizes!) {
          await give(stdout, `${columns}x${rows} `)
          if (columns === 7) break
        }
        return 0
      },
    },
    async (own) => {
      const wanted = { stdin: true, stdout: true, tty: true }
      const remote = await remoteCommand(own.exec(wanted), wanted)
      await remote.resize!.write('{"Width":80,"Height":24}\n{"Wid')
      await remote.resize!.write('th":0,"Height":0}\n{"Width":100')
      await remote.resize!.write('000,"Height":1}{"Width":7,"Height":8}')
      assert.equal(await remote.stdout!.all(), '80x24 7x8 ')
    },
  ),
)

test(
  'terminals of old clients have no sizes',
  withStreaming({ exec: async (_, { sizes }) => (sizes === undefined ? 0 : 1) }, async (own) => {
    const wanted = { stdin: true, stdout: true, tty: true }
    const remote = await remoteCommand(own.exec(wanted), wanted, ['v2.channel.k8s.io'])
    assert.equal(await remote.error.all(), '')
  }),
)

test(
  'the client’s order of protocols counts, over several headers and lists',
  withStreaming({ exec: async () => 0 }, async (own) => {
    const { client, protocol } = await connectSpdy(own.exec(), ['v9.channel.k8s.io, v2.channel.k8s.io', 'v4.channel.k8s.io'])
    assert.equal(protocol, 'v2.channel.k8s.io')
    client.close()
  }),
)

test(
  'without a protocol in common the client is told those that there are',
  withStreaming({}, async (own) => {
    const answer = await fetchOnce(own.exec(), upgradeLines(['v9.channel.k8s.io']))
    assert.equal(answer.status, 403)
    assert.deepEqual(answer.headers.get('x-accepted-stream-protocol-versions'), [
      'v4.channel.k8s.io',
      'v3.channel.k8s.io',
      'v2.channel.k8s.io',
      'channel.k8s.io',
    ])
    assert.equal((await fetchOnce(own.exec(), upgradeLines([]))).status, 400)
    assert.equal((await fetchOnce(own.exec(), ['X-Stream-Protocol-Version: v4.channel.k8s.io'])).status, 400)
    assert.equal((await fetchOnce(own.exec(), upgradeLines(['v4.channel.k8s.io']), 'PUT')).status, 405)
  }),
)

test(
  'a client that goes is noticed; what it had written is read to its end',
  withStreaming(
    {
      exec: async (_, streams) => {
        await give(streams.stdout, 'ready')
        const text = await takeAll(streams)
        if (!streams.gone.aborted) await new Promise((resolve) => streams.gone.addEventListener('abort', resolve))
        left.resolve(text)
        // nobody hears it
        await give(streams.stdout, Buffer.alloc(1 << 20))
        return 0
      },
    },
    async (own) => {
      const remote = await remoteCommand(own.exec(ALL), ALL)
      await remote.stdout!.until(/ready/)
      await remote.stdin!.write('last words')
      remote.client.close()
      assert.equal(await left.promise, 'last words')
    },
  ),
)
const left = Promise.withResolvers<string>()

test(
  'pings are answered, and frames that say nothing here are passed over',
  withStreaming({ exec: async (_, streams) => (await takeAll(streams)).length }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    await remote.client.ping(17)
    await remote.client.ping(2)
    const { controlFrame } = await import('../../../support/cri/spdy-client.ts')
    for (const [type, size] of [
      [4, 12],
      [9, 8],
      [10, 40],
      [99, 3],
    ] as const)
      await remote.client.send(controlFrame(type, 0, Buffer.alloc(size)))
    await remote.stdin!.end()
    assert.equal(JSON.parse(await remote.error.all()).status, 'Success')
    assert.deepEqual(
      remote.client.pongs.map((pong) => pong.readUInt32BE()),
      [17],
    )
  }),
)

test(
  'streams that are twice there, of no type, or out of order are refused; the others go on',
  withStreaming({ exec: async (_, streams) => (await takeAll(streams)).length }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    for (const headers of [{ streamtype: 'stdin' }, { streamtype: 'nonsense' }, {}])
      assert.equal(await (await remote.client.ask(headers as Record<string, string>)).reply.promise, 'reset')
    for (const id of [1000, 9]) {
      const refused = await remote.client.ask({ streamtype: 'resize' }, { id })
      assert.equal(await refused.reply.promise, 'reset', `stream ${id}`)
    }
    await remote.stdin!.write('four')
    await remote.stdin!.end()
    assert.equal(JSON.parse(await remote.error.all()).details.causes[0].message, '4')
  }),
)

test('a server that ends says so: its clients must not take that for success', async () => {
  let how: string | undefined
  await withStreaming({ exec: () => new Promise(() => {}) }, async (own) => {
    const remote = await remoteCommand(own.exec(ALL), ALL)
    const told = remote.error.all()
    await own.streaming.close()
    how = await told
  })()
  assert.match(JSON.parse(how!).message, /the server is ending/)
})
