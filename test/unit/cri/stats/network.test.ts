import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { NetworkFile, parseInterfaces } from '../../../../cri/stats/network.ts'
import { identify } from '../../../../runtime/container/process-id.ts'

const HEADER = `Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
`

test('interfaces and their counters, without loopback', () => {
  const text = `${HEADER}    lo:    1000      10    0    0    0     0          0         0     1000      10    0    0    0     0       0          0
  eth0: 123456789012    1001    2    3    0     0          0         0 4004    5005    6    7    0     0       0          0
`
  assert.deepEqual(parseInterfaces(text), [
    {
      name: 'eth0',
      received: { bytes: 123456789012, packets: 1001, errors: 2, dropped: 3 },
      sent: { bytes: 4004, packets: 5005, errors: 6, dropped: 7 },
    },
  ])
})

test('only loopback: none', () => {
  assert.deepEqual(
    parseInterfaces(
      `${HEADER}    lo:    0       0    0    0    0     0          0         0        0       0    0    0    0     0       0          0\n`,
    ),
    [],
  )
})

test('another process than was meant is not looked at', () => {
  const own = identify(process.pid)
  const file = new NetworkFile({ ...own, startTime: own.startTime - 1 })
  assert.equal(file.read(), undefined)
})

test('a process that is there is looked at again and again, without a hold on its namespace', () => {
  const file = new NetworkFile(identify(process.pid))
  assert.ok(Array.isArray(file.read()))
  assert.ok(Array.isArray(file.read()))
  file.close()
  assert.ok(readlinkSync('/proc/self/ns/net').startsWith('net:'))
})
