import assert from 'node:assert/strict'
import { test } from 'node:test'
import { giveBackMemory } from '../../../runtime/sys/memory.ts'

test('buffers that nobody has any more are given back to the kernel', () => {
  for (let index = 0; index < 1000; index++) Buffer.alloc(64 * 1024, index)
  giveBackMemory()
  const kept = process.memoryUsage()
  assert.ok(kept.arrayBuffers < 16 * 1024 * 1024, `${kept.arrayBuffers} bytes of buffers`)
  giveBackMemory()
})
