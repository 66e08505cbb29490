/** linux.timeOffsets: the clocks of a new time namespace, time_namespaces(7). */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { bundle } from '../../support/bundle.ts'
import { requires } from '../../support/requires.ts'

const skip = requires('root', 'busybox')

const READ = "awk '{ print $1, $2, $3 }' /proc/self/timens_offsets; cut -d. -f1 /proc/uptime"
const uptime = (): number => Math.floor(Number.parseFloat(readFileSync('/proc/uptime', 'utf8')))

test('offsets are those of the namespace, for init and exec', { skip }, async (t) => {
  const before = uptime()
  const box = bundle(t, ({ linux }) => {
    linux.namespaces.push({ type: 'time' })
    linux.timeOffsets = { monotonic: { secs: 7881, nanosecs: 2718281 }, boottime: { secs: 1_000_000, nanosecs: 3 } }
  })
  await box.up(`{ ${READ}; } > /tmp/init; exec sleep 100000`)
  for (const output of [await box.inside(READ), await box.inside('cat /tmp/init')]) {
    const [monotonic, boottime, seconds] = output.split('\n')
    assert.deepEqual([monotonic, boottime], ['monotonic 7881 2718281', 'boottime 1000000 3'])
    assert.ok(Number(seconds) >= before + 1_000_000, `${seconds} with ${before} before`)
  }
})

test('a negative offset and one clock alone', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => {
    linux.namespaces.push({ type: 'time' })
    linux.timeOffsets = { monotonic: { secs: -5, nanosecs: 999_999_999 } }
  })
  assert.deepEqual((await box.lines(READ)).slice(0, 2), ['monotonic -5 999999999', 'boottime 0 0'])
})

test('a namespace without offsets has the clocks of the host', { skip }, async (t) => {
  const box = bundle(t, ({ linux }) => linux.namespaces.push({ type: 'time' }))
  const before = uptime()
  const [monotonic, boottime, seconds] = await box.lines(READ)
  assert.deepEqual([monotonic, boottime], ['monotonic 0 0', 'boottime 0 0'])
  assert.ok(Number(seconds) >= before && Number(seconds) <= uptime(), seconds)
})

test('offsets hold in a user namespace', { skip }, async (t) => {
  const box = bundle(t, ({ linux }, made) => {
    linux.namespaces.push({ type: 'time' }, { type: 'user' })
    linux.uidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }]
    linux.gidMappings = [{ containerID: 0, hostID: 100_000, size: 1000 }]
    linux.timeOffsets = { boottime: { secs: 1337 } }
    made.own(100_000)
  })
  assert.deepEqual((await box.lines(READ)).slice(0, 2), ['monotonic 0 0', 'boottime 1337 0'])
})
