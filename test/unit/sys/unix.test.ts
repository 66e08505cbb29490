/** Names of unix sockets: short and long paths, and the abstract namespace. */
import assert from 'node:assert/strict'
import { closeSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { test, type TestContext } from 'node:test'
import { SOCK_DGRAM } from '../../../runtime/sys/abi/socket.ts'
import { receiveFds, sendFds } from '../../../runtime/sys/scm.ts'
import { unixConnect, unixListen } from '../../../runtime/sys/unix.ts'

const close = (t: TestContext, fd: number): number => {
  t.after(() => closeSync(fd))
  return fd
}

const folder = (t: TestContext): string => {
  const made = mkdtempSync(`${tmpdir()}/wherry-unix-`)
  t.after(() => rmSync(made, { recursive: true }))
  return made
}

/** Whether what is sent to the socket of this name arrives at it. */
const assertArrives = (t: TestContext, name: string): void => {
  const receiver = close(t, unixListen(name, { type: SOCK_DGRAM }))
  sendFds(close(t, unixConnect(name, { type: SOCK_DGRAM })), [], Buffer.from('text'))
  assert.equal(Buffer.from(receiveFds(receiver, { timeout: 1000 }).payload).toString(), 'text')
}

test('a path may have any length', (t) => {
  const path = folder(t)
  const room = 107 - path.length - 1
  for (const length of [1, room, room + 1]) assertArrives(t, `${path}/${'x'.repeat(length)}`)
  const deep = `${path}/${'d'.repeat(200)}`
  mkdirSync(deep)
  assertArrives(t, `${deep}/socket`)
})

test('an abstract name has up to 107 bytes, and no NUL at its end counts', (t) => {
  const mark = `\0wherry-unix-${process.pid}-`
  assertArrives(t, `${mark}short`)
  assertArrives(t, mark.padEnd(108, 'x'))
  assert.throws(() => unixConnect(mark.padEnd(109, 'x')), /connect.*@wherry-unix.*(ENAMETOOLONG|too long).*at most 107 bytes/)
  assert.throws(() => unixConnect(`${mark}nobody`), /connect.*@wherry-unix-\d+-nobody.*ECONNREFUSED/)
})

test('what is no name is refused', () => {
  for (const name of ['', '\0', 'a\0b', '\0a\0'])
    assert.throws(() => unixConnect(name), { name: 'TypeError', message: /no name of a unix/ })
})
