/** The server itself: its socket, its beginning and its end, and what it answers to what is no request. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { failsWith } from '../../support/cri/client.ts'
import { withServer } from '../../support/cri/server.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

test('an RPC that nothing answers is unimplemented', { skip }, () =>
  withServer(async ({ client }) => {
    await assert.rejects(client.checkpointContainer(), failsWith(12, /CheckpointContainer is not supported/))
  }),
)
