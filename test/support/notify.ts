/** Both ends of sd_notify(3): a service manager's socket, and a program that says something in a container. */
import assert from 'node:assert/strict'
import { closeSync, rmSync, writeFileSync } from 'node:fs'
import { setTimeout } from 'node:timers/promises'
import { Program } from '../../runtime/program/assembler.ts'
import { link } from '../../runtime/program/link.ts'
import { AF_UNIX, SOCK_DGRAM, SOCKADDR_UN } from '../../runtime/sys/abi/socket.ts'
import { receiveFds } from '../../runtime/sys/scm.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { unixListen } from '../../runtime/sys/unix.ts'
import { PATIENCE } from './runtime.ts'
import { readiness } from './terminal.ts'

const POLLIN = 1
const PAUSE = 5

export class ServiceManager {
  /** The value of $NOTIFY_SOCKET. */
  readonly name: string
  readonly #socket: number

  /** @param name a path, or `@` and a name in the abstract namespace */
  constructor(name: string) {
    this.name = name
    this.#socket = unixListen(name.replace(/^@/, '\0'), { type: SOCK_DGRAM })
  }

  /** Whether something has come that was not taken. */
  get hasMail(): boolean {
    return (readiness(this.#socket) & POLLIN) !== 0
  }

  /** All messages up to a barrier, which is answered. */
  async untilBarrier(): Promise<string[]> {
    const messages: string[] = []
    const until = Date.now() + PATIENCE
    for (;;) {
      while (!this.hasMail) {
        assert.ok(Date.now() < until, `no barrier: ${JSON.stringify(messages)}`)
        await setTimeout(PAUSE)
      }
      const { payload, fds } = receiveFds(this.#socket, { timeout: PATIENCE })
      messages.push(Buffer.from(payload).toString())
      for (const fd of fds) closeSync(fd)
      if (fds.length > 0) return messages
    }
  }

  close(): void {
    closeSync(this.#socket)
    if (!this.name.startsWith('@')) rmSync(this.name, { force: true })
  }
}

/** Writes an executable that sends `message` to the unix socket at `path` and ends with 0, or is killed where that fails. */
export const writeNotifier = (file: string, path: string, message: string): void => {
  const p = new Program(ARCH)
  const address = Buffer.alloc(SOCKADDR_UN.size)
  address.writeUInt16LE(AF_UNIX, SOCKADDR_UN.sun_family)
  address.write(path, SOCKADDR_UN.sun_path)
  const socket = p.call('socket', [AF_UNIX, SOCK_DGRAM, 0])
  p.call('sendto', [socket, p.bytes(Buffer.from(message)), Buffer.byteLength(message), 0, p.bytes(address), address.length])
  p.exit(0)
  writeFileSync(file, link(p).elf, { mode: 0o755 })
}
