import assert from 'node:assert/strict'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { connectLocalhost } from '../../../../cri/streaming/connect.ts'
import { WherryError } from '../../../../runtime/errors.ts'
import { parseAddress } from '../../../../runtime/network/address.ts'
import { socketAddress } from '../../../../runtime/network/hold.ts'
import { AF_INET, SOCK_CLOEXEC, SOCK_STREAM } from '../../../../runtime/sys/abi/socket.ts'
import { syscall } from '../../../../runtime/sys/syscall.ts'
import { eventually } from '../../../support/eventually.ts'

const never = new AbortController().signal

for (const host of ['127.0.0.1', '::1'])
  test(`connects to who listens on ${host} alone`, async () => {
    const server = createServer((socket) => socket.end(`you are ${socket.remoteAddress}`)).listen(0, host)
    await once(server, 'listening')
    const socket = await connectLocalhost(undefined, (server.address() as { port: number }).port, never)
    const parts: Buffer[] = []
    for await (const part of socket) parts.push(part as Buffer)
    assert.equal(Buffer.concat(parts).toString(), `you are ${host}`)
    socket.destroy()
    server.close()
  })

test('nobody there: both addresses are named', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  await assert.rejects(connectLocalhost(undefined, port, never), (error) => {
    assert.ok(error instanceof WherryError && error.kind === 'unavailable')
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}: ECONNREFUSED.*\\[::1\\]:${port}`))
    return true
  })
})

test('a listener whose queue is full is waited for, until the client goes', async () => {
  const listener = syscall('socket', [AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0])
  const address = socketAddress(parseAddress('127.0.0.1'), 0)
  syscall('bind', [listener, address, address.length])
  syscall('listen', [listener, 0])
  const bound = Buffer.alloc(address.length)
  syscall('getsockname', [listener, bound, Buffer.from([address.length, 0, 0, 0])])
  const port = bound.readUInt16BE(2)
  const client = new AbortController()
  const waiting: Promise<unknown>[] = []
  let connected = 0
  for (let index = 0; index < 4; index++)
    waiting.push(
      connectLocalhost(undefined, port, client.signal).then((socket) => {
        connected += 1
        socket.destroy()
      }),
    )
  const ends = Promise.allSettled(waiting)
  await eventually('the queue is full', () => connected > 0)
  client.abort()
  const results = await ends
  closeSync(listener)
  assert.ok(results.some(({ status }) => status === 'rejected'))
  for (const result of results) if (result.status === 'rejected') assert.equal(result.reason.name, 'AbortError')
})
