import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:net'
import { test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { AttachRequestSchema, ExecRequestSchema, PortForwardRequestSchema } from '../../../../cri/api/api_pb.js'
import { openStreaming } from '../../../../cri/streaming/open.ts'
import type { Backend } from '../../../../cri/streaming/types.ts'
import { InvalidField, WherryError } from '../../../../runtime/errors.ts'
import { remoteCommand } from '../../../support/cri/spdy-client.ts'
import { quiet, withStreaming } from '../../../support/cri/streaming.ts'

const backend: Backend = {
  exec: async () => 0,
  attach: async () => {},
  connect: () => Promise.reject(new Error('nobody is there')),
}

test('addresses of IPv6 stand in brackets', async () => {
  const streaming = await openStreaming({ config: { streamAddress: '::1', streamPort: 0 }, backend, log: quiet })
  try {
    const url = streaming.exec(create(ExecRequestSchema, { containerId: 'c', cmd: ['x'], stdout: true }))
    assert.match(url, /^http:\/\/\[::1\]:\d+\/exec\/[A-Za-z0-9_-]{32}$/)
    const remote = await remoteCommand(url, { stdout: true })
    assert.deepEqual(JSON.parse(await remote.error.all()), { status: 'Success' })
  } finally {
    await streaming.close()
  }
})

test('a port that something else has is named', async () => {
  const other = createServer().listen(0, '127.0.0.1')
  await once(other, 'listening')
  const { port } = other.address() as { port: number }
  await assert.rejects(openStreaming({ config: { streamAddress: '127.0.0.1', streamPort: port }, backend, log: quiet }), (error) => {
    assert.ok(error instanceof WherryError && error.kind === 'already-exists')
    assert.match(error.message, new RegExp(`127\\.0\\.0\\.1:${port}`))
    return true
  })
  other.close()
})

test(
  'requests that make no sense name their field',
  withStreaming({}, async ({ streaming }) => {
    const field = (path: string) => (error: unknown) => error instanceof InvalidField && error.path === path
    const exec = (fields: object) => () =>
      streaming.exec(create(ExecRequestSchema, { containerId: 'c', cmd: ['x'], stdout: true, ...fields }))
    assert.throws(exec({ containerId: '' }), field('container_id'))
    assert.throws(exec({ cmd: [] }), field('cmd'))
    assert.throws(exec({ stdout: false }), field('stdin'))
    assert.throws(exec({ tty: true, stderr: true }), field('stderr'))
    assert.throws(() => streaming.attach(create(AttachRequestSchema, { stdout: true })), field('container_id'))
    const forward = (port: number[]) => () => streaming.portForward(create(PortForwardRequestSchema, { podSandboxId: 's', port }))
    assert.throws(forward([80, 65536]), field('port[1]'))
    assert.throws(forward([-1]), field('port[0]'))
    assert.throws(forward(Array.from({ length: 128 }, () => 80)), field('port'))
  }),
)
