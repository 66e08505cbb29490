/**
 * Every call of a keeper fails once in this test: its program is compiled again and again with one call replaced by an error. No
 * such failure may leave a container unwatched, without an exit record or without an end.
 */
import assert from 'node:assert/strict'
import { closeSync, existsSync, openSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { WherryError } from '../../runtime/errors.ts'
import { attach } from '../../runtime/keeper/attach.ts'
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
import { BUSYBOX, bench, collectEvents, executable, isAlive, KeeperBench, terminalProgram, until } from '../support/keeper.ts'
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
        { image: async () => image, executable: executable(own, image.elf), argv: ['wherry:keeper'] },
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

/** A keeper whose program has been changed. */
const startChanged = (own: KeeperBench, change: (ops: Op[]) => void): Keeper => {
  const changed = keeperProgram({ arch: ARCH, terminal: false })
  change(changed.ops)
  const image = link(changed)
  return launchKeeper(
    { image: async () => image, executable: executable(own, image.elf), argv: ['wherry:keeper'] },
    {
      ...own.folders,
      log: { limit: 8192, slots: 2, consumed: false },
      durable: false,
      executable: own.own(openSync(BUSYBOX, 'r')),
      argv: ['sh', '-c', 'cat; exit 3'],
      env: [],
      descriptors: [],
      stdin: 'once',
      terminal: false,
    },
  )
}

test(
  'a FIFO that the keeper may not open, since the container’s user owns it, is shared',
  { skip: requires('busybox') },
  bench(async (own) => {
    const keeper = startChanged(own, (ops) => {
      const index = ops.findIndex((op) => op.during === 'client' && op.call === 'openat')
      ops[index] = failing(ops[index]!, ERRNO.EACCES)
    })
    await keeper.begun()
    const attachment = await attach(own.folders, { from: 'start', input: true, terminal: false })
    await new Promise((resolve) => attachment.input!.write('hello\n', resolve))
    const viewer = collectEvents(readSpool(own.folders, { follow: true }))
    await attachment.close()
    assert.equal((await keeper.ended())?.exitCode, 3)
    keeper.acknowledge()
    assert.equal((await viewer).stdout, 'hello\n')
  }),
)

test(
  'what cannot be started leaves nothing behind but the spool',
  { skip: requires('busybox') },
  bench(async (own) => {
    const before = readdirSync('/proc/self/fd').length
    assert.throws(() => own.start({ executable: 999 }), /posix_spawn.*EBADF/)
    assert.throws(() => own.start({ env: ['x'.repeat(70_000)], stdin: 'open' }), WherryError)
    assert.throws(() => own.start({ log: { limit: 1, slots: 3, consumed: false } }), WherryError)
    assert.deepEqual(readdirSync(own.run), [])
    assert.deepEqual(readdirSync(own.spool), ['log.0'])
    // busybox, three times, and the keeper's own executable
    assert.ok(readdirSync('/proc/self/fd').length <= before + 3)
  }),
)
