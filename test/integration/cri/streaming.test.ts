/** exec, attach and port-forward in containers and pods, over SPDY and over WebSockets. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync, readlinkSync } from 'node:fs'
import { createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { NamespaceMode, NamespaceOptionSchema } from '../../../cri/api/api_pb.js'
import { failsWith } from '../../support/cri/client.ts'
import { Spy } from '../../support/cri/cni.ts'
import { endServer, TestPod } from '../../support/cri/pod.ts'
import { TestServer } from '../../support/cri/server.ts'
import { connectSpdy, remoteCommand, type SpdyClient } from '../../support/cri/spdy-client.ts'
import { connectWebSocket } from '../../support/cri/websocket-client.ts'
import { eventually } from '../../support/eventually.ts'
import { requires } from '../../support/requires.ts'

const ALL = { stdin: true, stdout: true, stderr: true }
const TERMINAL = { stdin: true, stdout: true, tty: true }
const MIB = 1024 * 1024
const [STDIN, STDOUT, STDERR, ERROR, RESIZE] = [0, 1, 2, 3, 4]
const CODE = { invalid: 3, notFound: 5, precondition: 9 }

const statusOf = (text: string): string => {
  const status = JSON.parse(text)
  return status.status === 'Success' ? 'Success' : (status.details?.causes?.[0]?.message ?? status.message)
}

describe('streaming', { skip: requires('root', 'busybox') }, () => {
  let server: TestServer
  let pod: TestPod
  let idle: string
  before(async () => {
    server = await TestServer.open()
    pod = await TestPod.run(server)
    idle = await pod.start('exec sleep 1000')
  })
  after(() => endServer(server))

  const exec = async (script: string, wanted: object = ALL, containerId = idle): Promise<string> =>
    (await server.client.exec({ containerId, cmd: ['sh', '-c', script], ...wanted })).url
  const attach = async (containerId: string, wanted: object = ALL): Promise<string> =>
    (await server.client.attach({ containerId, ...wanted })).url
  const alive = async (pattern: string): Promise<number> =>
    Number((await pod.exec(idle, `pgrep -f '${pattern}' | grep -vc "^$$\\$"`)).stdout)

  test('exec: streams apart, stdin to its end, the exit status', async () => {
    const remote = await remoteCommand(await exec('cat; echo error >&2; exit 7'), ALL)
    await remote.stdin!.write('to the')
    await remote.stdout!.until(/^to the$/)
    await remote.stdin!.write(' end')
    await remote.stdin!.end()
    assert.equal(await remote.stdout!.all(), 'to the end')
    assert.equal(await remote.stderr!.all(), 'error\n')
    assert.equal(statusOf(await remote.error.all()), '7')
  })

  test('exec: what is not asked for is neither sent nor in the way', async () => {
    const remote = await remoteCommand(await exec('head -c 1000000 /dev/zero; echo here >&2', { stderr: true }), { stderr: true })
    assert.equal(await remote.stderr!.all(), 'here\n')
    assert.equal(statusOf(await remote.error.all()), 'Success')
  })

  test('exec: a signal, a program that is not there, and one that cannot be executed', async () => {
    const killed = await remoteCommand(await exec('kill -TERM $$'), ALL)
    assert.equal(statusOf(await killed.error.all()), '143')
    for (const [cmd, pattern] of [
      ['/no/such', /\/no\/such/],
      ['/etc/passwd', /EACCES|permission denied/i],
    ] as const) {
      const { url } = await server.client.exec({ containerId: idle, cmd: [cmd], ...ALL })
      const remote = await remoteCommand(url, ALL)
      assert.match(JSON.parse(await remote.error.all()).message, pattern)
    }
  })

  test('exec: what is left in the background is not waited for', async () => {
    const remote = await remoteCommand(await exec('echo before; sleep 300 & echo after'), ALL)
    assert.equal(await remote.stdout!.all(), 'before\nafter\n')
    assert.equal(statusOf(await remote.error.all()), 'Success')
    await pod.exec(idle, 'pkill -f "sleep 300"')
  })

  test('exec: 64 MiB there and back, byte for byte, over SPDY and over a WebSocket', async () => {
    const chunk = Buffer.from(Array.from({ length: 65536 }, (_, index) => (index * 31 + (index >> 8)) & 255))
    const check = (seen: Buffer, at: number): void => {
      for (let done = 0; done < seen.length; ) {
        const from = (at + done) % chunk.length
        const part = chunk.subarray(from, from + seen.length - done)
        assert.ok(seen.subarray(done, done + part.length).equals(part), `at ${at + done}`)
        done += part.length
      }
    }
    const remote = await remoteCommand(await exec('cat'), ALL)
    let at = 0
    const { stdout } = remote
    stdout!.take = (bytes) => {
      check(bytes, at)
      at += bytes.length
    }
    for (let sent = 0; sent < 64 * MIB; sent += chunk.length) await remote.stdin!.write(chunk)
    await remote.stdin!.end()
    assert.equal(statusOf(await remote.error.all()), 'Success')
    assert.equal(at, 64 * MIB)

    const client = await connectWebSocket(await exec('cat'), ['v5.channel.k8s.io'])
    let over = 0
    let told = ''
    client.take = ({ bytes }) => {
      if (bytes[0] === STDOUT) {
        check(bytes.subarray(1), over)
        over += bytes.length - 1
      } else told += bytes.toString('utf8', 1)
    }
    for (let sent = 0; sent < 64 * MIB; sent += chunk.length) await client.write(STDIN, chunk)
    await client.closeChannel(STDIN)
    await client.closed
    assert.equal(over, 64 * MIB)
    assert.equal(statusOf(told), 'Success')
  })

  test('exec: a writer waits for a client that does not read; then nothing is missing', async () => {
    const remote = await remoteCommand(await exec('head -c 50000000 /dev/zero; echo done >/tmp/written'), ALL)
    const { promise, resolve } = Promise.withResolvers<void>()
    remote.client.pause = promise
    remote.stdout!.counting = true
    await new Promise((next) => setTimeout(next, 500))
    assert.equal((await pod.exec(idle, 'test -e /tmp/written')).exitCode, 1, 'it has not written all')
    remote.client.pause = undefined
    resolve()
    assert.equal(statusOf(await remote.error.all()), 'Success')
    assert.equal(remote.stdout!.size, 50_000_000)
  })

  test('exec on a terminal: sizes, signals by keys, and its exit status', async () => {
    const remote = await remoteCommand(
      await exec('trap "stty size" WINCH; test -t 0 && test -t 1 && test -t 2 && echo ready; while :; do sleep 0.02; done', TERMINAL),
      TERMINAL,
    )
    await remote.stdout!.until(/ready/)
    await remote.resize!.write('{"Width":132,"Height":43}\n')
    await remote.stdout!.until(/43 132/)
    await remote.stdin!.write('\x03')
    assert.match(statusOf(await remote.error.all()), /^1(30|43)$/)
    // a loaded machine may take longer than the server waits
    await eventually('it begins with the size of the client', async () => {
      const sized = await remoteCommand(await exec('stty size', TERMINAL), TERMINAL)
      await sized.resize!.write('{"Width":91,"Height":29}\n')
      return (await sized.stdout!.all()) === '29 91\r\n'
    })
    const client = await connectWebSocket(await exec('read line; echo "<$line>"; stty size', TERMINAL), ['v5.channel.k8s.io'])
    await client.write(RESIZE, '{"Width":80,"Height":25}')
    await client.write(STDIN, 'typed\r')
    await client.closed
    assert.match(client.text(STDOUT), /typed\r\n<typed>\r\n25 80\r\n/)
    assert.equal(statusOf(client.text(ERROR)), 'Success')
  })

  test('a client that goes: its command goes on, its stdin ends, its terminal is hung up', async () => {
    const remote = await remoteCommand(await exec('cat; sleep 0.2; seq 100000; echo late >/tmp/late'), ALL)
    await remote.stdin!.write('x')
    await remote.stdout!.until(/x/)
    remote.client.close()
    await eventually('the command is at its end', async () => (await pod.exec(idle, 'cat /tmp/late')).stdout === 'late\n')
    const terminal = await remoteCommand(
      await exec('trap "echo hup >/tmp/hup; exit" HUP; echo ready; while :; do sleep 0.02; done', TERMINAL),
      TERMINAL,
    )
    await terminal.stdout!.until(/ready/)
    terminal.client.close()
    await eventually('the terminal is hung up', async () => (await pod.exec(idle, 'cat /tmp/hup')).stdout === 'hup\n')
    assert.equal(await alive('tmp/(late|hup)'), 0)
  })

  test('attach: output from now on, for everybody, until the container ends', async () => {
    const id = await pod.start('while read line; do echo "out $line"; echo "err $line" >&2; done; echo bye', {
      stdin: true,
      stdinOnce: false,
    })
    const one = await remoteCommand(await attach(id), ALL)
    await one.stdin!.write('first\n')
    await one.stdout!.until(/out first\n/)
    await one.stderr!.until(/err first\n/)
    const two = await connectWebSocket(await attach(id), ['v5.channel.k8s.io'])
    await two.write(STDIN, 'second\n')
    await two.until('its output', () => /out second\n$/.test(two.text(STDOUT)) && /err second\n$/.test(two.text(STDERR)))
    assert.equal(two.text(STDOUT), 'out second\n', 'nothing of before')
    await one.stdout!.until(/out second\n/)
    // without stdin_once the end of a client’s stdin is the end of its attachment alone
    await two.closeChannel(STDIN)
    await two.closed
    assert.equal(statusOf(two.text(ERROR)), 'Success')
    await one.stdin!.write('third\n')
    await one.stdout!.until(/out third\n/)
    await server.client.stopContainer({ containerId: id, timeout: 0n })
    assert.equal(statusOf(await one.error.all()), 'Success')
    assert.equal(await one.stdout!.all(), 'out first\nout second\nout third\n')
  })

  test('attach with stdin_once: its end is that of the container’s stdin, and output goes on', async () => {
    const id = await pod.start('cat; echo the end', { stdin: true, stdinOnce: true })
    const remote = await remoteCommand(await attach(id), ALL)
    await remote.stdin!.write('x'.repeat(300_000))
    await remote.stdin!.write('\n')
    await remote.stdin!.end()
    assert.equal(await remote.stdout!.all(), `${'x'.repeat(300_000)}\nthe end\n`)
    assert.equal(statusOf(await remote.error.all()), 'Success')
    assert.equal((await pod.ended(id)).exitCode, 0)
    const gone = await pod.start('cat; echo left', { stdin: true, stdinOnce: true })
    const leaving = await remoteCommand(await attach(gone), ALL)
    await leaving.stdin!.write('y')
    await leaving.stdout!.until(/y/)
    leaving.client.close()
    assert.equal((await pod.ended(gone)).exitCode, 0)
  })

  test('attach to a terminal: sizes and keys; others see the same', async () => {
    const id = await pod.start('exec sh -i', { stdin: true, tty: true })
    const one = await remoteCommand(await attach(id, TERMINAL), TERMINAL)
    await one.resize!.write('{"Width":101,"Height":31}')
    await one.stdin!.write('stty size\r')
    await one.stdout!.until(/31 101\r\n/)
    const two = await remoteCommand(await attach(id, { stdout: true, tty: true }), { stdout: true, tty: true })
    await one.stdin!.write('echo $((6*7))\r')
    await two.stdout!.until(/42\r\n/)
    await one.stdin!.write('exit 5\r')
    assert.equal(statusOf(await two.error.all()), 'Success')
    assert.equal(statusOf(await one.error.all()), 'Success')
    assert.equal((await pod.ended(id)).exitCode, 5)
  })

  test('attach: a container without stdin is listened to; what it wrote is in its log too', async () => {
    const id = await pod.start('sleep 1; for i in 1 2 3; do echo $i; sleep 0.1; done', { logPath: 'attached.log' })
    const remote = await remoteCommand(await attach(id), ALL)
    for (let sent = 0; sent < 8 * MIB; sent += 65536) await remote.stdin!.write(Buffer.alloc(65536))
    await remote.client.ping(1)
    assert.equal(await remote.stdout!.all(), '1\n2\n3\n')
    assert.equal(remote.client.pongs.length, 1, 'what nobody takes is in nobody’s way')
    assert.equal(statusOf(await remote.error.all()), 'Success')
    await eventually('the log is whole', () => /stdout F 3\n$/.test(readFileSync(`${pod.config.logDirectory}/attached.log`, 'utf8')))
  })

  test('attach: 100 MB of output come whole to those who hold on, however slowly', async () => {
    const id = await pod.start('read go; head -c 100000000 /dev/zero', { stdin: true, stdinOnce: true })
    const slow = await remoteCommand(await attach(id), ALL)
    const fast = await remoteCommand(await attach(id, { stdout: true }), { stdout: true })
    slow.stdout!.counting = true
    fast.stdout!.counting = true
    const { promise, resolve } = Promise.withResolvers<void>()
    await slow.stdin!.write('go\n')
    slow.client.pause = promise
    setTimeout(() => {
      slow.client.pause = undefined
      resolve()
    }, 1500)
    await Promise.all([slow.error.all(), fast.error.all()])
    assert.deepEqual([slow.stdout!.size, fast.stdout!.size], [100_000_000, 100_000_000])
  })

  test('what is not there or does not run cannot be asked for', async () => {
    const { client } = server
    await assert.rejects(client.exec({ containerId: 'nope', cmd: ['x'], stdout: true }), failsWith(CODE.notFound, /nope/))
    await assert.rejects(client.exec({ containerId: idle, stdout: true }), failsWith(CODE.invalid, /^cmd: /))
    await assert.rejects(client.exec({ containerId: idle, cmd: ['x'] }), failsWith(CODE.invalid, /stdin, stdout and stderr/))
    await assert.rejects(client.exec({ containerId: idle, cmd: ['x'], ...ALL, tty: true }), failsWith(CODE.invalid, /^stderr: .*tty/))
    await assert.rejects(client.exec({ cmd: ['x'], stdout: true }), failsWith(CODE.invalid, /^container_id: /))
    await assert.rejects(client.attach({ stdout: true }), failsWith(CODE.invalid, /^container_id: /))
    await assert.rejects(client.portForward({}), failsWith(CODE.invalid, /^pod_sandbox_id: /))
    await assert.rejects(client.portForward({ podSandboxId: pod.id, port: [0] }), failsWith(CODE.invalid, /^port\[0\]: /))
    await assert.rejects(client.portForward({ podSandboxId: 'nope' }), failsWith(CODE.notFound, /nope/))
    const created = await pod.create('true')
    for (const call of [
      client.exec({ containerId: created, cmd: ['x'], stdout: true }),
      client.attach({ containerId: created, stdout: true }),
    ])
      await assert.rejects(call, failsWith(CODE.precondition, /is not running/))
    // it ends between the asking and the connecting
    const short = await pod.start('exec sleep 1000')
    const [toExec, toAttach] = [await exec('true', ALL, short), await attach(short)]
    await client.stopContainer({ containerId: short, timeout: 0n })
    for (const url of [toExec, toAttach])
      assert.match(JSON.parse(await (await remoteCommand(url, ALL)).error.all()).message, /is not running/)
  })

  test('port-forward on the node’s network; a port that nobody listens on', async () => {
    const listener = createServer((socket) => socket.end('from the node')).listen(0, '127.0.0.1')
    await eventually('it listens', () => listener.listening)
    const { port } = listener.address() as { port: number }
    const { url } = await server.client.portForward({ podSandboxId: pod.id, port: [port] })
    const { client } = await connectSpdy(url, ['portforward.k8s.io'])
    const error = await client.open({ streamtype: 'error', port: String(port), requestid: '0' })
    const data = await client.open({ streamtype: 'data', port: String(port), requestid: '0' })
    assert.equal(await data.all(), 'from the node')
    assert.equal(await error.all(), '')
    listener.close()
    const bad = await client.open({ streamtype: 'error', port: '1', requestid: '1' })
    await client.open({ streamtype: 'data', port: '1', requestid: '1' })
    assert.match(await bad.all(), /error forwarding port 1 to pod: nobody listens on port 1 .*127\.0\.0\.1:1.*ECONNREFUSED.*\[::1\]:1/)
    client.close()
  })
})

describe('port-forward into a pod’s own network', { skip: requires('root', 'busybox') }, () => {
  let server: TestServer
  let pod: TestPod
  before(async () => {
    server = await TestServer.open()
    new Spy(server).configure()
    const namespaceOptions = create(NamespaceOptionSchema, { network: NamespaceMode.POD, pid: NamespaceMode.CONTAINER })
    pod = await TestPod.run(server, { linux: { securityContext: { namespaceOptions } } })
  })
  after(() => endServer(server))

  const ask = async (client: SpdyClient, port: number, request: string): Promise<string> => {
    const headers = { port: String(port), requestid: request }
    const error = await client.open({ streamtype: 'error', ...headers })
    const data = await client.open({ streamtype: 'data', ...headers })
    await data.write('GET / HTTP/1.0\r\n\r\n')
    await data.over.promise
    return `${data.text}${await error.all()}`
  }

  test('IPv4 and IPv6 alone; what the node listens on is not there; this process is where it was', async () => {
    const id = await pod.start('httpd -p 127.0.0.1:80 -h /www; httpd -p [::1]:81 -h /www; exec sleep 1000')
    await eventually('both listen', async () => (await pod.exec(id, 'netstat -tln | grep -c LISTEN')).stdout === '2\n')
    const listener = createServer().listen(0, '127.0.0.1').unref()
    await once(listener, 'listening')
    const { port } = listener.address() as { port: number }
    const own = readlinkSync('/proc/thread-self/ns/net')
    const { url } = await server.client.portForward({ podSandboxId: pod.id })
    const { client } = await connectSpdy(url, ['portforward.k8s.io'])
    assert.match(await ask(client, 80, '0'), /hello from a pod/)
    assert.match(await ask(client, 81, '1'), /hello from a pod/)
    assert.match(await ask(client, port, '2'), /nobody listens on port/)
    const many = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(client, 80 + (index % 2), `m${index}`)))
    assert.ok(many.every((text) => text.endsWith('hello from a pod\n')))
    assert.equal(readlinkSync('/proc/thread-self/ns/net'), own)
    listener.close()
    client.close()
  })

  test('a pod that is stopped has no ports any more', async () => {
    const { url } = await server.client.portForward({ podSandboxId: pod.id })
    await server.client.stopPodSandbox({ podSandboxId: pod.id })
    const { client } = await connectSpdy(url, ['portforward.k8s.io'])
    assert.match(await ask(client, 80, '0'), /is not ready/)
    client.close()
    await assert.rejects(server.client.portForward({ podSandboxId: pod.id }), failsWith(CODE.precondition, /is not ready/))
  })
})
