/** The keeper compiled for arm64 runs under qemu-user; its container is this machine's. */
import assert from 'node:assert/strict'
import { openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { attach } from '../../runtime/keeper/attach.ts'
import { Connection } from '../../runtime/keeper/connection.ts'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import { keeperProgram } from '../../runtime/keeper/program.ts'
import { SpoolReader } from '../../runtime/keeper/reader.ts'
import { initPidfd } from '../../runtime/keeper/request.ts'
import { launchKeeper } from '../../runtime/keeper/start.ts'
import { link } from '../../runtime/program/link.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { unixConnect } from '../../runtime/sys/unix.ts'
import {
  bench,
  BUSYBOX,
  collect,
  collectEvents,
  executable,
  isAlive,
  type KeeperBench,
  PID_OFFSET,
  stagePage,
  stageProgram,
  terminalProgram,
  until,
} from '../support/keeper.ts'
import { requires } from '../support/requires.ts'

const skip = requires('busybox', 'x64', 'qemu-aarch64')
const QEMU = '/usr/bin/qemu-aarch64-static'

const start = (own: KeeperBench, options: { script?: string; terminal?: string; staged?: string; stdin?: 'open' | 'once' }): Keeper => {
  const terminal = options.terminal !== undefined
  const image = link(keeperProgram({ arch: 'arm64', terminal }))
  const program = join(own.root, 'keeper.elf')
  writeFileSync(program, image.elf, { mode: 0o700 })
  const page = options.staged === undefined ? undefined : stagePage(own)
  const elf =
    options.terminal !== undefined
      ? terminalProgram(options.terminal)
      : options.staged !== undefined
        ? stageProgram(options.staged)
        : undefined
  return launchKeeper(
    { image: async () => image, executable: own.own(openSync(QEMU, 'r')), argv: ['qemu-aarch64', program] },
    {
      ...own.folders,
      log: { limit: 16 * 1024, slots: 2, consumed: false },
      durable: true,
      executable: elf === undefined ? own.own(openSync(BUSYBOX, 'r')) : executable(own, elf),
      argv: ['sh', '-c', options.script ?? 'true'],
      env: ['PATH=/bin'],
      descriptors: page === undefined ? [] : [page],
      ...(page === undefined ? {} : { stage: { page, pidOffset: PID_OFFSET } }),
      stdin: options.stdin ?? 'none',
      terminal,
      cleanup: { path: BUSYBOX, argv: ['touch', join(own.root, 'cleaned')], env: [] },
    },
  )
}

test(
  'output of both streams through a ring, and the exit code',
  { skip },
  bench(async (own) => {
    const keeper = start(own, { script: 'read go; seq 1 20000; echo err >&2; exit 7', stdin: 'open' })
    const init = await keeper.begun()
    const reader = await SpoolReader.open(own.folders, { follow: true, hold: true })
    own.go()
    let lines = ''
    for await (const event of reader) {
      assert.ok(event.kind === 'record')
      if (event.stream === 'stdout') lines += event.payload.toString()
      else assert.equal(event.payload.toString(), 'err\n')
    }
    assert.equal(lines.split('\n').length, 20_001)
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.deepEqual([record?.exitCode, record?.pid, record?.lost], [7, init, false])
  }),
)

test(
  'a stage, a pidfd, SIGTERM and the clean-up command',
  { skip },
  bench(async (own) => {
    const keeper = start(own, { staged: 'exec sleep 1000' })
    await keeper.begun()
    const pidfd = own.own(await initPidfd(own.run))
    syscall('pidfd_send_signal', [pidfd, 0, 0, 0])
    const pid = await own.pid()
    keeper.detach()
    process.kill(pid, 'SIGTERM')
    await until('the keeper is gone', () => !isAlive(pid))
    assert.equal((await collect(own, { follow: true })).stdout, '')
  }),
)

test(
  'stdin once',
  { skip },
  bench(async (own) => {
    const keeper = start(own, { script: 'cat; exit 3', stdin: 'once' })
    await keeper.begun()
    const second = new Connection(unixConnect(join(own.run, 'ctl')))
    second.send('subscribe')
    assert.deepEqual(await second.next(), { type: 'reply', value: -16 })
    second.close()
    const attachment = await attach(own.folders, { input: true, terminal: false })
    await new Promise((resolve) => attachment.input!.end('hello\n', () => resolve(undefined)))
    await attachment.close()
    assert.equal((await keeper.ended())?.exitCode, 3)
    keeper.acknowledge()
    assert.equal((await collect(own)).stdout, 'hello\n')
  }),
)

test(
  'a terminal',
  { skip },
  bench(async (own) => {
    const keeper = start(own, { terminal: 'read line; stty size; exit 4' })
    await keeper.begun()
    const attachment = await attach(own.folders, { from: 'start', input: true, terminal: true })
    attachment.resize({ columns: 90, rows: 40 })
    attachment.input!.write('go\n')
    const { stdout } = await collectEvents(attachment.output())
    assert.ok(stdout.endsWith('40 90\r\n'), JSON.stringify(stdout))
    assert.equal((await keeper.ended())?.exitCode, 4)
    keeper.acknowledge()
    await attachment.close()
  }),
)
