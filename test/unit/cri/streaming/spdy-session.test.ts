/** What becomes of clients that do not do what they have begun. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { test } from 'node:test'
import { openSpdySession } from '../../../../cri/streaming/remote-command/spdy.ts'
import type { Session } from '../../../../cri/streaming/remote-command/session.ts'
import { socketTransport } from '../../../../cri/streaming/transport.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { socketCarrier, SpdyClient } from '../../../support/cri/spdy-client.ts'

const WANTED = { stdin: false, stdout: true, stderr: true, tty: false }

const withClient = async (patience: number, use: (client: SpdyClient, session: Promise<Session>) => Promise<void>): Promise<void> => {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
  const [accepted] = await once(server, 'connection')
  const client = new SpdyClient(socketCarrier(socket, Buffer.alloc(0)))
  const session = openSpdySession(socketTransport(accepted, Buffer.alloc(0)), 'v4.channel.k8s.io', WANTED, () => {}, patience)
  session.catch(() => {})
  try {
    await use(client, session)
  } finally {
    client.close()
    server.close()
  }
}

const fails = (kind: string, message: RegExp) => (error: unknown) =>
  error instanceof WherryError && error.kind === kind && message.test(error.message)

test('streams that do not come are waited for, and not for ever', () =>
  withClient(2000, async (client, session) => {
    await client.open({ streamtype: 'error' })
    await client.open({ streamtype: 'stdout' })
    await assert.rejects(session, fails('deadline-exceeded', /: stderr$/))
    await client.closed
    assert.ok(client.wentAway)
  }))

test('a client that leaves before is not waited for', () =>
  withClient(60_000, async (client, session) => {
    await client.open({ streamtype: 'error' })
    client.close()
    await assert.rejects(session, fails('cancelled', /has left/))
  }))
