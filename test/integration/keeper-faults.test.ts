/**
 * Every call of a keeper fails once in this test: its program is compiled again and again with one call replaced by an error. No
 * such failure may leave a container unwatched, without an exit record or without an end.
 */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import { keeperProgram } from '../../runtime/keeper/program.ts'
import { readSpool } from '../../runtime/keeper/reader.ts'
import { Requester } from '../../runtime/keeper/request.ts'
import { keeperStatus, readKeeperPage } from '../../runtime/keeper/page.ts'
import { launchKeeper } from '../../runtime/keeper/start.ts'
import { readOutcome } from '../../runtime/keeper/wait.ts'
import { isCall } from '../../runtime/program/call.ts'
import { link } from '../../runtime/program/link.ts'
import type { Op } from '../../runtime/program/op.ts'
import { Page } from '../../runtime/program/page.ts'
import { ERRNO } from '../../runtime/sys/abi/errno.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { executableFile } from '../../runtime/sys/spawn.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'
import { BUSYBOX, isAlive, KeeperBench, until } from '../support/keeper.ts'
import { requires } from '../support/requires.ts'

/** Calls that cannot fail with the arguments that they have, and without which there is no keeper; close(2) closes whatever it says. */
const CANNOT_FAIL = new Set(['epoll_pwait', 'waitid', 'exit_group', 'read signals', 'mmap', 'close stdinWriter', 'close temporary'])

const textOf = (op: Op): string => {
  const first = op.args[0]
  return typeof first === 'object' && 'name' in first ? `${op.call} ${first.name}` : op.call
}

/** The call does nothing and returns the error instead. */
const failing = (op: Op, errno: number): Op => ({ ...op, call: 'compute', args: [0, 0, 0, 0, -errno] })

const SCRIPT = 'seq 1 5000; echo err >&2; read line; exit 7'

/** What a client does in the life of a container. Any of it may be refused, and then stdin is closed by SIGTERM. */
const useClients = (own: KeeperBench): boolean => {
  try {
    const requester = new Requester(own.run)
    try {
      for (const request of ['pidfd', 'stdin', 'master'] as const) {
        const { fd } = requester.ask(request)
        if (fd !== undefined) closeSync(fd)
      }
      return requester.ask('closeStdin').result === 0
    } finally {
      requester.close()
    }
  } catch {
    return false
  }
}

const live = async (own: KeeperBench, keeper: Keeper, what: string, address: number): Promise<void> => {
  const init = await keeper.begun().then(
    (pid) => pid,
    (error: unknown) => {
      // a subscriber that cannot be told is dropped
      if (/sendto subscriber/.test(what)) return own.init()
      // nothing has come of it, and the page has the reason
      assert.ok(error instanceof SyscallError, `${what}: ${error}`)
      assert.deepEqual(new Page(readKeeperPage(own.run)!).failure, { address, result: -ERRNO.EIO })
      return undefined
    },
  )
  if (init === undefined) return
  own.watch(init)
  const pid = await own.pid()
  const closed = useClients(own)
  await until(`${what}: init ends, or is told to`, () => {
    if (!isAlive(init)) return true
    if (!closed) process.kill(pid, 'SIGTERM')
    return false
  })
  keeper.detach()
  await until(`${what}: the keeper ends`, () => !isAlive(pid))
  const outcome = readOutcome(own.folders)
  assert.ok(outcome !== undefined, `${what}: there is an exit record`)
  if (!outcome.terminated) assert.ok([7, 125].includes(outcome.exitCode), `${what}: exit code ${outcome.exitCode}`)
  for await (const event of readSpool(own.folders)) assert.ok(event.kind === 'record', what)
  if (!/execve|clean-up/.test(what)) assert.ok(existsSync(join(own.root, 'cleaned')), `${what}: cleaned up`)
  assert.equal(keeperStatus(own.run)?.phase, 'ended')
}

const program = () => keeperProgram({ arch: ARCH, terminal: false })

for (const [index, op] of program().ops.entries()) {
  if (!isCall(op) || CANNOT_FAIL.has(op.call) || CANNOT_FAIL.has(textOf(op))) continue
  const what = `${op.during ?? ''}: ${textOf(op)}, op ${index}`
  test(`fails: ${what}`, { skip: requires('busybox') }, async () => {
    const own = new KeeperBench()
    const changed = program()
    changed.ops[index] = failing(changed.ops[index]!, ERRNO.EIO)
    const image = link(changed)
    const executable = own.own(executableFile(image.elf, own.root))
    const shell = own.own(openSync(BUSYBOX, 'r'))
    try {
      const keeper = launchKeeper(
        { image, executable, argv: ['wherry:keeper'] },
        {
          ...own.folders,
          log: { limit: 8192, slots: 2, consumed: false },
          durable: true,
          executable: shell,
          argv: ['sh', '-c', SCRIPT],
          env: ['PATH=/bin'],
          descriptors: [],
          stdin: 'open',
          terminal: false,
          cleanup: { path: BUSYBOX, argv: ['touch', join(own.root, 'cleaned')], env: [] },
          drain: 50,
        },
      )
      await live(own, keeper, what, image.addressOf(index))
      keeper.detach()
    } finally {
      await own.close()
      rmSync(own.root, { recursive: true, force: true })
    }
  })
}
