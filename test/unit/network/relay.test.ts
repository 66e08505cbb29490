/** Held ports and the relay, in a network namespace of the test's own. */
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { after, before, describe, test } from 'node:test'
import { promisify } from 'node:util'
import { parseAddress } from '../../../runtime/network/address.ts'
import { type HeldPort, holdPorts } from '../../../runtime/network/hold.ts'
import { openPidfd, startRelay } from '../../../runtime/network/relay.ts'
import { changeLink, findLink } from '../../../runtime/network/rtnetlink.ts'
import { inNetworkNamespace, NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import { makeNetns } from '../../support/netns.ts'
import { waitFor } from '../../support/program.ts'
import { requires } from '../../support/requires.ts'

const published = (hostPort: number, port: number, host?: string, protocol: 'tcp' | 'udp' = 'tcp') =>
  ({ protocol, hostPort, port, ...(host === undefined ? {} : { host }) }) as const

/** Sends SIZE bytes, ends its side, and prints the digest of what comes back. */
const CLIENT = `
const hash = require('node:crypto').createHash('sha256')
const socket = require('node:net').createConnection({ host: '::1', port: 8080, allowHalfOpen: true })
socket.on('data', (chunk) => hash.update(chunk))
socket.on('error', (error) => { console.log(error.code); process.exit() })
socket.on('end', () => console.log(hash.digest('hex')))
socket.end(Buffer.alloc(Number(process.argv[1]), 'wherry'))`

describe('published ports', { skip: requires('root') }, () => {
  let namespace: number
  const servers: Server[] = []
  const serve = (port: number, server: Server): Promise<unknown> => {
    servers.push(server)
    const listening = new Promise((resolve) => server.on('listening', resolve))
    inNetworkNamespace(namespace, () => server.listen(port))
    return listening
  }
  const free = (held: readonly HeldPort[]): void => {
    for (const { fd } of held) closeSync(fd)
  }
  before(() => {
    namespace = makeNetns()
    using socket = new NetlinkSocket(namespace)
    changeLink(socket, findLink(socket, 'lo')!.index, { up: true })
  })
  after(() => {
    for (const server of servers) server.close()
    closeSync(namespace)
  })

  test('are held: a second claimant is refused by name, and nothing stays held then', () => {
    const both = new Set([4, 6] as const)
    const held = holdPorts([published(8080, 80), published(53, 53, undefined, 'udp')], both, namespace)
    assert.equal(held.length, 4)
    for (const port of [published(8080, 1), published(8080, 1, '127.0.0.1'), published(8080, 1, '::1')])
      assert.throws(() => holdPorts([published(9000, 1), port], both, namespace), {
        kind: 'already-exists',
        message: /^port .*8080\/tcp is in use on this host/,
      })
    free(holdPorts([published(9000, 1)], both, namespace))
    assert.throws(() => holdPorts([published(53, 1, undefined, 'udp')], both, namespace), { kind: 'already-exists', message: /:53\/udp/ })
    assert.throws(() => holdPorts([published(1, 1, '192.0.2.9')], both, namespace), {
      kind: 'invalid-argument',
      message: /no address 192\.0\.2\.9/,
    })
    free(held)
    free(holdPorts([published(8080, 80)], both, namespace))
  })

  test('are passed on to the container, both ways and to the last byte, until the keeper ends', async () => {
    const echo = createServer({ allowHalfOpen: true }, (socket) => socket.on('error', () => {}).pipe(socket))
    await serve(80, echo)
    const held = holdPorts(
      [published(8080, 80, '::1'), published(8081, 80, '127.0.0.1'), published(53, 53, undefined, 'udp')],
      new Set([4, 6] as const),
      namespace,
    )
    const keeper = spawn('sleep', ['300'], { stdio: 'ignore' })
    const watched = openPidfd(keeper.pid!)
    // made in the namespace that it connects in
    const relay = inNetworkNamespace(namespace, () => startRelay(held, [parseAddress('::1')], watched, tmpdir()))
    closeSync(watched)
    free(held)
    const call = async (size: number): Promise<string> => {
      const { stdout } = await promisify(execFile)(
        'nsenter',
        [`--net=/proc/${process.pid}/fd/${namespace}`, process.execPath, '-e', CLIENT, String(size)],
        { timeout: 30_000 },
      )
      return stdout.trim()
    }
    const digest = (size: number): string => createHash('sha256').update(Buffer.alloc(size, 'wherry')).digest('hex')
    const sizes = [0, 1, 70_000, 20_000_000]
    assert.deepEqual(await Promise.all(sizes.map(call)), sizes.map(digest))
    assert.throws(() => holdPorts([published(8080, 1, '::1')], new Set([6] as const), namespace), { kind: 'already-exists' })
    keeper.kill('SIGKILL')
    assert.deepEqual(waitFor(relay), { status: 0, signal: undefined })
    free(holdPorts([published(8080, 1, '::1')], new Set([6] as const), namespace))
    assert.equal(await call(1), 'ECONNREFUSED')
  })

  test('where the container does not listen, the connection ends', async () => {
    const held = holdPorts([published(8080, 81, '::1')], new Set([6] as const), namespace)
    const keeper = spawn('sleep', ['300'], { stdio: 'ignore' })
    const watched = openPidfd(keeper.pid!)
    const relay = inNetworkNamespace(namespace, () => startRelay(held, [parseAddress('::1')], watched, tmpdir()))
    closeSync(watched)
    free(held)
    const { stdout } = await promisify(execFile)(
      'nsenter',
      [`--net=/proc/${process.pid}/fd/${namespace}`, process.execPath, '-e', CLIENT, '1'],
      { timeout: 30_000 },
    )
    assert.match(stdout, /ECONNRESET|^[0-9a-f]{64}/)
    keeper.kill('SIGKILL')
    assert.deepEqual(waitFor(relay), { status: 0, signal: undefined })
  })
})
