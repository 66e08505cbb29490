/**
 * Every call of a keeper fails once in this test: its program is compiled again and again with one call replaced by an error. No
 * such failure may leave a container unwatched, without an exit record or without an end.
 */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync } from 'node:fs'
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
import { ARCH } from '../../runtime/sys/syscall.ts'
import { BUSYBOX, executable, isAlive, KeeperBench, terminalProgram, until } from '../support/keeper.ts'
import { requires } from '../support/requires.ts'

/** Calls that cannot fail with the arguments that they have, and without which there is no keeper; close(2) closes whatever it says. */
const CANNOT_FAIL = new Set(['epoll_pwait', 'waitid', 'exit_group', 'read signals', 'mmap', 'close stdinWriter', 'close temporary'])

const textOf = (op: Op): string => {
  const first = op.args[0]
  return typeof first === 'object' && 'name' in first ? `${op.call} ${first.name}` : op.call
}

/** The call does nothing and returns the error instead. */
const failing = (op: Op, errno: number): Op => ({ ...op, call: 'compute', args: [0, 0, 0, 0, -errno] })

/** A terminal whose master is not to be had is hung up: 128 and SIGHUP. */
const HUNG_UP = 129

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
  // where output cannot be read or written at all the container waits for ever
  const patience = performance.now() + 500
  await until(`${what}: init ends, or is told to`, () => {
    if (!isAlive(init)) return true
    if (!closed || performance.now() > patience) process.kill(pid, 'SIGTERM')
    return false
  })
  keeper.detach()
  await until(`${what}: the keeper ends`, () => !isAlive(pid))
  const outcome = readOutcome(own.folders)
  assert.ok(outcome !== undefined, `${what}: there is an exit record`)
  if (!outcome.terminated) assert.ok([7, 125, HUNG_UP].includes(outcome.exitCode), `${what}: exit code ${outcome.exitCode}`)
  for await (const event of readSpool(own.folders)) assert.ok(event.kind === 'record', what)
  if (!/execve|clean-up/.test(what)) assert.ok(existsSync(join(own.root, 'cleaned')), `${what}: cleaned up`)
  assert.equal(keeperStatus(own.run)?.phase, 'ended')
}

const cases = [false, true].flatMap((terminal) => {
  const program = () => keeperProgram({ arch: ARCH, terminal })
  return [...program().ops.entries()]
    .filter(([, op]) => isCall(op) && !CANNOT_FAIL.has(op.call) && !CANNOT_FAIL.has(textOf(op)))
    .filter(([, op]) => !terminal || ['terminal', 'output'].includes(op.during ?? ''))
    .map(([index, op]) => ({ program, terminal, index, what: `${terminal ? 'terminal ' : ''}${op.during}: ${textOf(op)}, op ${index}` }))
})

for (const { program, terminal, index, what } of cases) {
  test(`fails: ${what}`, { skip: requires('busybox') }, async () => {
    const own = new KeeperBench()
    const changed = program()
    changed.ops[index] = failing(changed.ops[index]!, ERRNO.EIO)
    const image = link(changed)
    try {
      const keeper = launchKeeper(
        { image, executable: executable(own, image.elf), argv: ['wherry:keeper'] },
        {
          ...own.folders,
          log: { limit: 8192, slots: 2, consumed: false },
          durable: true,
          executable: terminal ? executable(own, terminalProgram('seq 1 5000; exit 7')) : own.own(openSync(BUSYBOX, 'r')),
          argv: ['sh', '-c', SCRIPT],
          env: ['PATH=/bin'],
          descriptors: [],
          stdin: terminal ? 'none' : 'open',
          terminal,
          cleanup: { path: BUSYBOX, argv: ['touch', join(own.root, 'cleaned')], env: [] },
          drain: 50,
        },
      )
      await live(own, keeper, what, image.addressOf(index))
      keeper.detach()
    } finally {
      await own.close()
    }
  })
}
