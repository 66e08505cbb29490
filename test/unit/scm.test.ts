import assert from 'node:assert/strict'
import { closeSync, fstatSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test from 'node:test'
import { WherryError } from '../../runtime/errors.ts'
import { F_GETFD, F_SETFL, MFD_CLOEXEC, O_NONBLOCK } from '../../runtime/sys/abi/fcntl.ts'
import { SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM, SOL_SOCKET, SO_SNDBUF } from '../../runtime/sys/abi/socket.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import { receiveFds, sendFds } from '../../runtime/sys/scm.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { socketpair, unixAccept, unixConnect, unixListen } from '../../runtime/sys/unix.ts'

const openDescriptors = (): number => readdirSync('/proc/self/fd').length

/** Descriptors and a folder that are gone after the test, along with everything that it opened. */
const bench = (use: (own: <T extends number | readonly number[]>(opened: T) => T, folder: string) => void): void => {
  const folder = mkdtempSync(join(tmpdir(), 'wherry-scm-'))
  const before = openDescriptors()
  const fds: number[] = []
  try {
    use((opened) => {
      fds.push(...(typeof opened === 'number' ? [opened] : (opened as readonly number[])))
      return opened
    }, folder)
  } finally {
    for (const fd of fds) closeSync(fd)
    rmSync(folder, { recursive: true })
  }
  assert.equal(openDescriptors(), before, 'no descriptor is left over')
}

const memfd = (content: string): number => {
  const fd = syscall('memfd_create', ['wherry-scm-test', MFD_CLOEXEC])
  writeSync(fd, content)
  return fd
}
const contentOf = (fd: number): string => readFileSync(`/proc/self/fd/${fd}`, 'utf8')
const bytes = (text: string): Uint8Array => Buffer.from(text)
const deadline = (error: unknown): boolean => error instanceof WherryError && error.kind === 'deadline-exceeded'

for (const [name, type] of [
  ['stream', SOCK_STREAM],
  ['seqpacket', SOCK_SEQPACKET],
  ['datagram', SOCK_DGRAM],
] as const) {
  test(`descriptors go both ways over a ${name} socket`, () =>
    bench((own) => {
      const [left, right] = own(socketpair(type))
      const one = own(memfd('one'))
      const two = own(memfd('two'))
      sendFds(left!, [one, two], bytes('to the right'))
      const there = receiveFds(right!)
      own(there.fds)
      assert.equal(Buffer.from(there.payload).toString(), 'to the right')
      assert.deepEqual(there.fds.map(contentOf), ['one', 'two'])
      assert.ok(!there.fds.includes(one) && fstatSync(there.fds[0]!).ino === fstatSync(one).ino)
      for (const fd of there.fds) assert.equal(syscall('fcntl', [fd, F_GETFD, 0]), 1, 'close-on-exec')

      sendFds(right!, [there.fds[1]!], bytes('and back'))
      const back = receiveFds(left!)
      own(back.fds)
      assert.equal(Buffer.from(back.payload).toString(), 'and back')
      assert.deepEqual(back.fds.map(contentOf), ['two'])

      sendFds(left!, [], bytes('no descriptors'))
      assert.deepEqual(receiveFds(right!), { payload: new Uint8Array(bytes('no descriptors')), fds: [] })
    }))
}

test('253 descriptors fit into one message, no more', () =>
  bench((own) => {
    const [left, right] = own(socketpair())
    const one = own(memfd('x'))
    sendFds(left!, new Array<number>(253).fill(one), bytes('.'))
    const { fds } = receiveFds(right!, { maxFds: 253 })
    own(fds)
    assert.equal(fds.length, 253)
    assert.throws(() => sendFds(left!, new Array<number>(254).fill(one), bytes('.')), /254 descriptors in one message/)
    assert.throws(() => sendFds(left!, [one], new Uint8Array()), /at least one byte/)
  }))

test('more descriptors than were asked for are an error, and closed', () => {
  for (const [sent, maxFds] of [
    [5, 2],
    [2, 1],
    [1, 0],
  ] as const) {
    bench((own) => {
      const [left, right] = own(socketpair())
      sendFds(left!, new Array<number>(sent).fill(own(memfd('x'))), bytes('.'))
      assert.throws(
        () => receiveFds(right!, { maxFds }),
        (error) =>
          error instanceof WherryError && error.kind === 'invalid-argument' && error.message.includes(`at most ${maxFds} descriptors`),
      )
    })
  }
})

test('a datagram longer than was asked for is an error', () =>
  bench((own) => {
    const [left, right] = own(socketpair(SOCK_SEQPACKET))
    sendFds(left!, [], bytes('12345'))
    assert.throws(() => receiveFds(right!, { maxPayload: 4 }), /at most 16 descriptors and 4 bytes/)
  }))

test('the end of a stream is an empty payload, and sending there is EPIPE without a signal', () =>
  bench((own) => {
    const [left, right] = socketpair()
    own(left)
    closeSync(right)
    assert.deepEqual(receiveFds(left), { payload: new Uint8Array(), fds: [] })
    assert.throws(
      () => sendFds(left, [], bytes('x')),
      (error) => isErrno(error, 'EPIPE'),
    )
  }))

test('time runs out, on blocking and non-blocking sockets alike', () => {
  for (const flags of [0, O_NONBLOCK]) {
    bench((own) => {
      const [left, right] = own(socketpair())
      for (const fd of [left, right]) syscall('fcntl', [fd!, F_SETFL, flags])
      assert.throws(() => receiveFds(left!, { timeout: 10 }), deadline)
      assert.throws(() => receiveFds(left!, { timeout: 0 }), deadline)
      const small = Buffer.alloc(4)
      small.writeInt32LE(4096)
      syscall('setsockopt', [left!, SOL_SOCKET, SO_SNDBUF, small, 4])
      assert.throws(() => sendFds(left!, [], new Uint8Array(1 << 20), { timeout: 10 }), deadline)
    })
  }
})

test('a socket listens and is connected to by path', () =>
  bench((own, folder) => {
    const path = join(folder, 'sock')
    const listener = own(unixListen(path))
    const client = own(unixConnect(path, { timeout: 1000 }))
    const server = own(unixAccept(listener, { timeout: 1000 }))
    sendFds(client, [own(memfd('hello'))], bytes('x'))
    assert.deepEqual(own(receiveFds(server).fds).map(contentOf), ['hello'])
    assert.throws(() => unixAccept(listener, { timeout: 5 }), deadline)
    assert.throws(
      () => unixListen(path),
      (error) => isErrno(error, 'EADDRINUSE') && error instanceof Error && error.message.includes(path),
    )
  }))

test('paths longer than sun_path work, up to a name that fits', () =>
  bench((own, folder) => {
    const deep = join(folder, 'd'.repeat(200))
    mkdirSync(deep)
    const path = join(deep, 'a-socket')
    const listener = own(unixListen(path))
    own(unixConnect(path))
    own(unixAccept(listener))
    assert.deepEqual(readdirSync(deep), ['a-socket'])
    assert.throws(
      () => unixListen(join(deep, 'n'.repeat(120))),
      (error) => isErrno(error, 'ENAMETOOLONG'),
    )
    for (const length of [107, 108, 109]) {
      const exact = join(folder, 'x'.repeat(length - folder.length - 1))
      own(unixListen(exact))
      own(unixConnect(exact))
    }
  }))

test('connecting fails with the reason and the path', () =>
  bench((own, folder) => {
    for (const path of [join(folder, 'none'), join(folder, 'l'.repeat(150))]) {
      assert.throws(
        () => unixConnect(path),
        (error) => isErrno(error, 'ENOENT') && error instanceof Error && error.message.includes(path),
      )
    }
    const path = join(folder, 'deaf')
    closeSync(unixListen(path))
    assert.throws(
      () => unixConnect(path),
      (error) => isErrno(error, 'ECONNREFUSED'),
    )
    for (const none of ['', 'a\0b']) assert.throws(() => unixConnect(none), /no name of a unix socket/)
    own([])
  }))

test('connecting to a full backlog runs out of time', () =>
  bench((own, folder) => {
    const path = join(folder, 'busy')
    const listener = own(unixListen(path))
    syscall('listen', [listener, 0])
    own(unixConnect(path, { timeout: 1000 }))
    assert.throws(() => unixConnect(path, { timeout: 20 }), deadline)
  }))
