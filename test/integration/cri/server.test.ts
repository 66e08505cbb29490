/** The server itself: its socket, its beginning and its end, and what it says of itself. */
import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { describe, test } from 'node:test'
import { resolve } from 'node:path'
import { startServer } from '../../../cri/serve.ts'
import { CgroupDriver, ImageService, RuntimeService } from '../../../cri/api/api_pb.js'
import { trySyscall } from '../../../runtime/sys/syscall.ts'
import { SOCK_DGRAM } from '../../../runtime/sys/abi/socket.ts'
import { unixListen } from '../../../runtime/sys/unix.ts'
import { connectCri, failsWith } from '../../support/cri/client.ts'
import { type TestServer, withServer } from '../../support/cri/server.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const MAIN = resolve(import.meta.dirname, '../../../cli/wherry/main.ts')
const INVALID = 3
const UNAVAILABLE = 14
const UNIMPLEMENTED = 12

const none = { images: false } as const

/** What has come on a datagram socket so far. */
const received = (fd: number): string => {
  const buffer = Buffer.alloc(256)
  const MSG_DONTWAIT = 0x40
  const length = trySyscall('recvfrom', fd, buffer, buffer.length, MSG_DONTWAIT, 0, 0)
  return buffer.subarray(0, Math.max(length, 0)).toString()
}

describe('the CRI server', { skip: requires('root', 'busybox') }, () => {
  test('says who it is', () =>
    withServer(async ({ client, config }) => {
      const version = await client.version({ version: '0.1.0' })
      assert.deepEqual(
        [version.version, version.runtimeName, version.runtimeVersion, version.runtimeApiVersion],
        ['0.1.0', 'wherry', config.version, 'v1'],
      )
      assert.equal((await client.runtimeConfig()).linux!.cgroupDriver, CgroupDriver.CGROUPFS)
    }, none))

  test('drives cgroups as it is told', () =>
    withServer(async ({ client }) => assert.equal((await client.runtimeConfig()).linux!.cgroupDriver, CgroupDriver.SYSTEMD), {
      ...none,
      config: { cgroupDriver: 'systemd' },
    }))

  test('is not ready for pods without a network, says why, and takes one that comes', () =>
    withServer(async ({ client, config }) => {
      const conditions = async () => Object.fromEntries((await client.status()).status!.conditions.map((one) => [one.type, one]))
      const { RuntimeReady, NetworkReady } = await conditions()
      assert.equal(RuntimeReady!.status, true)
      assert.equal(NetworkReady!.status, false)
      assert.match(NetworkReady!.reason, /^[A-Z][A-Za-z]+$/)
      assert.match(NetworkReady!.message, new RegExp(config.cniConfig))
      writeFileSync(`${config.cniPlugins[0]}/loopback`, '')
      writeFileSync(`${config.cniPlugins[0]}/none`, '#!/bin/sh\n')
      chmodSync(`${config.cniPlugins[0]}/none`, 0o755)
      writeFileSync(
        `${config.cniConfig}/10-test.conflist`,
        JSON.stringify({ cniVersion: '1.0.0', name: 'test', plugins: [{ type: 'none' }] }),
      )
      await eventually('the network is ready', async () => (await conditions())['NetworkReady']!.status)
    }, none))

  test('tells of its handlers and what they can', () =>
    withServer(async ({ client }) => {
      const { runtimeHandlers, features, info } = await client.status({ verbose: true })
      assert.deepEqual(
        runtimeHandlers.map(({ name }) => name),
        ['', 'wherry'],
      )
      for (const { features: own } of runtimeHandlers) assert.equal(own!.recursiveReadOnlyMounts, true)
      assert.deepEqual(
        [features!.supplementalGroupsPolicy, features!.mountOptions, features!.userNamespacesHostNetwork],
        [true, true, false],
      )
      assert.equal(JSON.parse(info['config']!).cgroupDriver, 'cgroupfs')
      assert.equal(JSON.parse(info['server']!).pid, process.pid)
      assert.deepEqual((await client.status()).info, {})
    }, none))

  test('writes the network of pods when it is told their addresses', async () => {
    await withServer(async (server) => {
      const template = `${server.folder}/template`
      writeFileSync(template, '{"cniVersion":"1.0.0","name":"t","plugins":[{"type":"none","subnet":"{{.PodCIDR}}"}]}')
      await server.end()
      const config = { ...server.config, cniTemplate: template }
      const running = await startServer(config, silent)
      const client = server.connect()
      try {
        await client.updateRuntimeConfig({})
        await assert.rejects(
          client.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: 'nonsense"' } } }),
          failsWith(INVALID, /nonsense/),
        )
        assert.deepEqual(readdirSync(config.cniConfig), [], 'not known yet')
        await client.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: '10.9.0.0/24' } } })
        const [name] = readdirSync(config.cniConfig)
        assert.equal(JSON.parse(readFileSync(`${config.cniConfig}/${name}`, 'utf8')).plugins[0].subnet, '10.9.0.0/24')
      } finally {
        client.close()
        await running.close()
      }
      await server.begin()
    }, none)
  })

  test('has a function for every RPC but checkpoints', async () => {
    const { RUNTIME, IMAGES } = await import('../../../cri/rpc/table.ts')
    const names = [...RuntimeService.methods, ...ImageService.methods].map(({ localName }) => localName)
    assert.equal(names.length, 43)
    const table: Readonly<Record<string, unknown>> = { ...RUNTIME, ...IMAGES }
    assert.deepEqual(Object.keys(table).sort(), [...names].sort())
    assert.deepEqual(
      names.filter((name) => table[name] === undefined),
      ['checkpointContainer', 'checkpointPod', 'restorePod'],
    )
    await withServer(async ({ client }) => {
      await assert.rejects(client.checkpointContainer(), failsWith(UNIMPLEMENTED, /CheckpointContainer is not supported/))
      await assert.rejects(client.checkpointPod(), failsWith(UNIMPLEMENTED, /CheckpointPod/))
      await assert.rejects(client.restorePod(), failsWith(UNIMPLEMENTED, /RestorePod/))
    }, none)
  })

  test('its socket is its owner’s alone, and goes with it', async () => {
    let path = ''
    await withServer(async ({ config }) => {
      path = config.socket
      assert.equal(statSync(path).mode & 0o777, 0o600)
      assert.equal(statSync(`${config.root}/cri`).mode & 0o777, 0o700)
    }, none)
    assert.ok(!existsSync(path))
  })

  test('is one for its state, and one for its socket', () =>
    withServer(async (server) => {
      const { config, folder } = server
      await assert.rejects(startServer({ ...config, socket: `${folder}/other.sock` }, silent), /another server uses .*\/root\/cri/)
      const elsewhere = { ...config, root: `${folder}/root2`, runRoot: `${folder}/run2` }
      await assert.rejects(startServer(elsewhere, silent), /somebody answers at .*cri\.sock/)
      assert.equal((await server.client.version()).runtimeName, 'wherry', 'and goes on')
      // what a failed start held is free
      const second = await startServer({ ...elsewhere, socket: `${folder}/other.sock` }, silent)
      await second.close()
    }, none))

  test('takes the place of a socket that nobody listens at, and of nothing else', () =>
    withServer(async (server) => {
      const { config, folder } = server
      await server.end()
      const dead = createServer().listen(`${folder}/dead`)
      await once(dead, 'listening')
      rmSync(config.socket, { force: true })
      spawnSync('busybox', ['ln', `${folder}/dead`, config.socket])
      dead.close()
      await once(dead, 'close')
      assert.ok(statSync(config.socket).isSocket(), 'it is left over')
      await server.begin()
      assert.equal((await server.client.version()).runtimeName, 'wherry')
      await server.end()
      writeFileSync(config.socket, 'precious')
      await assert.rejects(server.begin(), /is there and no socket/)
      assert.equal(statSync(config.socket).size, 8)
      rmSync(config.socket)
      await server.begin()
    }, none))

  test('ends calls that have no end, and waits for those that have one', () =>
    withServer(async (server) => {
      const client = server.connect()
      const events = client.getContainerEvents()[Symbol.asyncIterator]()
      const next = events.next()
      // it has reached the server when another call on the same connection was answered
      await client.version()
      await server.end()
      await assert.rejects(Promise.resolve(next), failsWith(UNAVAILABLE, /ending|closed|ECONN|drop/i))
      await assert.rejects(
        client.version({}, { timeout: 2000 }),
        (error: { code: number }) => error.code === UNAVAILABLE || error.code === 4,
      )
      client.close()
      await server.begin()
    }, none))

  test('as a process ends on SIGTERM, tells systemd, and takes a socket of it', async () => {
    const { folder } = await withServer(async (server) => server, none)
    mkdirSync(folder)
    try {
      const notify = unixListen(`${folder}/notify`, { type: SOCK_DGRAM })
      const listening = unixListen(`${folder}/passed.sock`)
      const child = spawn(
        'sh',
        ['-c', `LISTEN_PID=$$ LISTEN_FDS=1 exec "$@"`, 'sh', process.execPath, '--disable-warning=ExperimentalWarning', MAIN, 'cri'],
        {
          env: {
            PATH: process.env['PATH'],
            WHERRY_ROOT: `${folder}/root`,
            WHERRY_RUN_ROOT: `${folder}/run`,
            WHERRY_CONFIG: '/dev/null',
            WHERRY_CRI_CNI_CONFIG: `${folder}/cni`,
            NOTIFY_SOCKET: `${folder}/notify`,
          },
          stdio: ['ignore', 'ignore', 'inherit', listening],
        },
      )
      const ended = once(child, 'exit')
      await eventually('it is ready', () => received(notify) === 'READY=1\n')
      const client = connectCri(`unix:${folder}/passed.sock`)
      assert.equal((await client.version()).runtimeName, 'wherry')
      client.close()
      assert.ok(!existsSync(`${folder}/run/cri.sock`), 'it has the one that it was given')
      child.kill('SIGTERM')
      assert.deepEqual(await ended, [0, null])
      assert.equal(received(notify), 'STOPPING=1\n')
      assert.ok(existsSync(`${folder}/passed.sock`), 'the socket is systemd’s')
      // it listens on: the next server finds who waits
      const waiting = connect(`${folder}/passed.sock`)
      await once(waiting, 'connect')
      waiting.destroy()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  test('killed, it is followed by the next one', () =>
    withServer(
      async (server: TestServer) => {
        const before = server.pid
        await server.again('SIGKILL')
        assert.notEqual(server.pid, before)
        assert.equal((await server.client.version()).runtimeName, 'wherry')
      },
      { ...none, child: true },
    ))
})

const silent = { enabled: () => false, debug: () => {}, info: () => {}, warn: () => {}, error: () => {} }
