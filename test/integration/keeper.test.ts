/** A keeper and its container: exits, signals, stages, the clean-up, memory. Output and input are in keeper-*.test.ts. */
import assert from 'node:assert/strict'
import { existsSync, openSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { initPidfd } from '../../runtime/keeper/request.ts'
import { keeperStatus } from '../../runtime/keeper/page.ts'
import { readOutcome, waitExit } from '../../runtime/keeper/wait.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { attach } from '../../runtime/keeper/attach.ts'
import { type Keeper, subscribe } from '../../runtime/keeper/keeper.ts'
import { isKeeperGone } from '../../runtime/keeper/liveness.ts'
import { Connection } from '../../runtime/keeper/connection.ts'
import { unixConnect } from '../../runtime/sys/unix.ts'
import {
  bench,
  BUSYBOX,
  collect,
  executable,
  isAlive,
  type KeeperBench,
  PID_OFFSET,
  stagePage,
  stageProgram,
  until,
} from '../support/keeper.ts'
import { requires } from '../support/requires.ts'

const skip = requires('busybox')
const NOW = () => BigInt(Date.now()) * 1_000_000n

test(
  'an exit code is recorded, and the output before it',
  { skip },
  bench(async (own) => {
    const before = NOW()
    const keeper = own.start({ script: 'echo out; echo err >&2; exit 7' })
    const init = await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.ok(record !== undefined)
    assert.equal(record.exitCode, 7)
    assert.equal(record.signal, undefined)
    assert.equal(record.pid, init)
    assert.ok(record.started >= before - 1_000_000n && record.ended >= record.started && record.ended <= NOW() + 1_000_000n)
    assert.deepEqual([record.startFailed, record.terminated, record.lost, record.held], [false, false, false, false])
    assert.deepEqual(await collect(own), { stdout: 'out\n', stderr: 'err\n', gaps: 0 })
    assert.deepEqual(readdirSync(own.spool).sort(), ['exit', 'log.0'])
    assert.deepEqual(readdirSync(own.run), ['keeper'])
  }),
)

for (const [name, number] of [
  ['KILL', 9],
  ['SEGV', 11],
  ['TERM', 15],
] as const)
  test(
    `an end by SIG${name} is recorded`,
    { skip },
    bench(async (own) => {
      const keeper = own.start({ script: `ulimit -c 0; kill -${name} $$` })
      await keeper.begun()
      const record = await keeper.ended()
      keeper.acknowledge()
      assert.equal(record?.signal, number)
      assert.equal(record.exitCode, 128 + number)
      assert.equal(record.terminated, false)
    }),
  )

test(
  'the child has the descriptors that it was given, and nothing of the keeper',
  { skip },
  bench(async (own) => {
    writeFileSync(join(own.root, 'third'), 'three')
    writeFileSync(join(own.root, 'fourth'), 'four')
    const descriptors = ['third', 'fourth'].map((name) => own.own(openSync(join(own.root, name), 'r')))
    const keeper = own.start({ script: 'cat <&3; cat <&4; echo; ulimit -f; exec sleep 1000', descriptors })
    const init = await keeper.begun()
    await until('it is executed', () => readFileSync(`/proc/${init}/comm`, 'utf8') === 'sleep\n')
    assert.equal((await collect(own)).stdout, 'threefour\nunlimited\n')
    assert.deepEqual(readdirSync(`/proc/${init}/fd`), ['0', '1', '2', '3', '4'])
    const signals = [...readFileSync(`/proc/${init}/status`, 'utf8').matchAll(/^(SigBlk|SigIgn|SigPnd|ShdPnd):\t(\w+)$/gm)]
    assert.deepEqual(new Set(signals.map(([, , set]) => set)), new Set(['0000000000000000']))
  }),
)

test(
  'more descriptors than there are between the keeper’s and the child’s',
  { skip },
  bench(async (own) => {
    const descriptors = Array.from({ length: 60 }, () => own.own(openSync('/dev/null', 'r')))
    const keeper = own.start({ script: 'exec sleep 1000', descriptors })
    const init = await keeper.begun()
    await until('it is executed', () => readFileSync(`/proc/${init}/comm`, 'utf8') === 'sleep\n')
    const numbers = readdirSync(`/proc/${init}/fd`).map(Number)
    assert.deepEqual(
      numbers.sort((a, b) => a - b),
      Array.from({ length: 63 }, (_, fd) => fd),
    )
  }),
)

test(
  'what cannot be executed is told, and leaves no exit code behind that could be taken for one',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ executable: own.own(openSync('/etc/passwd', 'r')) })
    await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.exitCode, 125)
    const failed = await keeper.failure()
    assert.ok(failed instanceof SyscallError)
    assert.equal(failed.syscall, 'execveat')
    assert.equal(failed.code, 'EACCES')
  }),
)

test(
  'init of a stage is the keeper’s child',
  { skip },
  bench(async (own) => {
    const page = stagePage(own)
    const keeper = own.start({
      executable: executable(own, stageProgram('echo $PPID; exit 3')),
      descriptors: [page],
      stage: { page, pidOffset: PID_OFFSET },
    })
    const init = await keeper.begun()
    const record = await keeper.ended()
    const pid = await own.pid()
    keeper.acknowledge()
    assert.equal(record?.exitCode, 3)
    assert.equal(record.pid, init)
    assert.equal((await collect(own)).stdout, `${pid}\n`)
  }),
)

test(
  'a stage that fails after it has cloned init takes init with it',
  { skip },
  bench(async (own) => {
    const page = stagePage(own)
    const keeper = own.start({
      executable: executable(own, stageProgram('exec sleep 1000', 9)),
      descriptors: [page],
      stage: { page, pidOffset: PID_OFFSET },
    })
    await assert.rejects(keeper.begun(), /the stage exited with 9 before/)
    const record = await keeper.ended()
    const { init } = keeperStatus(own.run)!
    assert.equal(init, undefined)
    keeper.acknowledge()
    assert.equal(record?.startFailed, true)
    assert.equal(record.exitCode, 9)
    const pid = readFileSync(join(own.root, 'stage-page')).readInt32LE(PID_OFFSET)
    own.watch(pid)
    await until('init is gone', () => !isAlive(pid))
  }),
)

test(
  'a stage that is killed before it has an init',
  { skip },
  bench(async (own) => {
    const page = stagePage(own)
    const keeper = own.start({ script: 'kill -KILL $$', descriptors: [page], stage: { page, pidOffset: PID_OFFSET } })
    await assert.rejects(keeper.begun(), /the stage was ended by signal 9 before/)
    assert.equal((await keeper.ended())?.startFailed, true)
    keeper.acknowledge()
  }),
)

test(
  'SIGTERM kills init, and its end is recorded',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'trap "" TERM; echo up; exec sleep 1000' })
    const init = await keeper.begun()
    await until('the container is up', async () => (await collect(own)).stdout === 'up\n')
    process.kill(await own.pid(), 'SIGTERM')
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.signal, 9)
    assert.equal(record.terminated, true)
    assert.equal(isAlive(init), false)
  }),
)

test(
  'other signals do not end a keeper',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'sleep 1000' })
    await keeper.begun()
    const pid = await own.pid()
    for (const signal of ['SIGHUP', 'SIGINT', 'SIGQUIT', 'SIGUSR1', 'SIGPIPE', 'SIGALRM', 'SIGXFSZ'] as const) process.kill(pid, signal)
    const pidfd = own.own(await initPidfd(own.run))
    assert.ok(isAlive(pid))
    syscall('pidfd_send_signal', [pidfd, 15, 0, 0])
    assert.equal((await keeper.ended())?.signal, 15)
    keeper.acknowledge()
  }),
)

test(
  'a keeper that is stopped goes on where it was',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'sleep 0.3; echo late; exit 4' })
    await keeper.begun()
    const pid = await own.pid()
    process.kill(pid, 'SIGSTOP')
    const init = await own.init()
    await until('init has ended', () => !isAlive(init))
    process.kill(pid, 'SIGCONT')
    assert.equal((await keeper.ended())?.exitCode, 4)
    keeper.acknowledge()
    assert.equal((await collect(own)).stdout, 'late\n')
  }),
)

/** A clean-up command that tells what it was started with. */
const cleanup = (own: KeeperBench) => ({
  path: BUSYBOX,
  argv: [
    'sh',
    '-c',
    `exec >> ${own.root}/cleaned; echo "$0 $1"; grep -E "^(SigBlk|SigIgn|SigPnd|ShdPnd)" /proc/self/status | cut -f2 | sort -u; ulimit -f; exec ls /proc/self/fd`,
    'cleanup',
    'ID',
  ],
  env: ['PATH=/bin:/usr/bin'],
})

test(
  'the clean-up command runs once, as if started by hand',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exit 5', cleanup: cleanup(own) })
    await keeper.begun()
    const pid = await own.pid()
    process.kill(pid, 'SIGUSR1')
    keeper.detach()
    await until('the keeper is gone', () => !isAlive(pid))
    assert.equal(readFileSync(join(own.root, 'cleaned'), 'utf8'), 'cleanup ID\n0000000000000000\nunlimited\n0\n1\n2\n3\n')
    assert.equal(readOutcome(own.folders)?.exitCode, 5)
  }),
)

test(
  'a subscriber that acknowledges does the clean-up itself',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exit 5', cleanup: cleanup(own) })
    await keeper.begun()
    const pid = await own.pid()
    await keeper.ended()
    assert.ok(isAlive(pid), 'the keeper waits')
    keeper.acknowledge()
    await until('the keeper is gone', () => !isAlive(pid))
    assert.equal(existsSync(join(own.root, 'cleaned')), false)
  }),
)

test(
  'a subscriber that dies before it acknowledges leaves the clean-up to the keeper',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exit 5', cleanup: cleanup(own) })
    await keeper.begun()
    const pid = await own.pid()
    await keeper.ended()
    keeper.detach()
    await until('the keeper is gone', () => !isAlive(pid))
    assert.ok(existsSync(join(own.root, 'cleaned')))
  }),
)

test(
  'a subscriber that says nothing has its time',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exit 5', cleanup: cleanup(own), acknowledge: 50 })
    const pid = await own.pid()
    await keeper.ended()
    await until('the keeper is gone', () => !isAlive(pid))
    assert.ok(existsSync(join(own.root, 'cleaned')))
  }),
)

test(
  'another subscribes after the first has left, and only one can',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'read line', stdin: 'open', cleanup: cleanup(own) })
    const init = await keeper.begun()
    await assert.rejects(subscribe(own.folders), /has a subscriber already/)
    keeper.detach()
    let second: Keeper | undefined
    await until('the place is free', async () => {
      second = await subscribe(own.folders).catch(() => undefined)
      return second !== undefined
    })
    assert.equal(await second!.begun(), init)
    const pid = await own.pid()
    assert.equal(await isKeeperGone(own.run), false)
    const attachment = await attach(own.folders, { input: false, terminal: false })
    attachment.closeStdin()
    assert.equal((await second!.ended())?.pid, init)
    second!.acknowledge()
    await until('the keeper is gone', () => !isAlive(pid))
    attachment.closeStdin()
    await attachment.close()
    second!.detach()
    assert.equal(await subscribe(own.folders), undefined)
    assert.equal(await isKeeperGone(own.run), true)
    assert.equal(existsSync(join(own.root, 'cleaned')), false)
  }),
)

test(
  'what is no request is refused; a client that says nothing, or dies, disturbs nobody',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'read line', stdin: 'open' })
    await keeper.begun()
    const idle = Array.from({ length: 100 }, () => new Connection(unixConnect(join(own.run, 'ctl'))))
    const odd = own.own(unixConnect(join(own.run, 'ctl')))
    syscall('sendto', [odd, '\xff?', 3, 0, 0, 0])
    // replies that are never read: the keeper closes the connection, not itself
    const deaf = own.own(unixConnect(join(own.run, 'ctl')))
    for (let sent = 0; sent < 5000; sent += 1) {
      try {
        syscall('sendto', [deaf, 'zzzzzzzz', 8, 0x40 | 0x4000, 0, 0])
      } catch {
        break
      }
    }
    const asked = new Connection(unixConnect(join(own.run, 'ctl')))
    asked.send('closeStdin')
    assert.deepEqual(await asked.next(), { type: 'reply', value: 0 })
    assert.equal((await keeper.ended())?.exitCode, 1)
    keeper.acknowledge()
    assert.equal(await asked.next(), undefined, 'the end of the keeper is the end of the file')
    for (const connection of [...idle, asked]) connection.close()
  }),
)

test(
  'waitExit tells of the end, whoever started the keeper; and that a keeper was killed',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'read line; exit 6', stdin: 'open' })
    await keeper.begun()
    keeper.detach()
    const waited = waitExit(own.folders)
    const requester = new Connection(unixConnect(join(own.run, 'ctl')))
    requester.send('closeStdin')
    assert.equal((await waited)?.exitCode, 6)
    assert.equal((await waitExit(own.folders))?.exitCode, 6, 'also afterwards')
    requester.close()

    const abandoned = own.start({ script: 'exec sleep 1000' })
    const init = await abandoned.begun()
    abandoned.detach()
    const pid = await own.pid()
    const aborter = new AbortController()
    const aborted = waitExit(own.folders, aborter.signal)
    aborter.abort(new Error('enough'))
    await assert.rejects(aborted, /enough/)
    const killed = waitExit(own.folders)
    process.kill(pid, 'SIGKILL')
    assert.equal(await killed, undefined)
    assert.deepEqual(keeperStatus(own.run)?.init, init)
    assert.ok(isAlive(own.watch(init)), 'init goes on')
  }),
)

test(
  'oom kills are counted from the cgroup’s file',
  { skip },
  bench(async (own) => {
    const events = join(own.root, 'memory.events')
    writeFileSync(events, 'low 0\nhigh 0\nmax 12\noom 3\noom_kill 0\noom_group_kill 0\n')
    const keeper = own.start({ script: `echo "oom_kill 2" > ${events}`, memoryEvents: own.own(openSync(events, 'r')) })
    await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.oomKills, 2)
  }),
)

test(
  'a keeper has its name, a session of its own and nothing of its starter',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'sleep 1000' })
    await keeper.begun()
    const pid = await own.pid()
    assert.equal(readFileSync(`/proc/${pid}/comm`, 'utf8'), 'wherry:keeper\n')
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8').split(' ')
    assert.equal(Number(stat[5]), pid, 'session')
    assert.notEqual(Number(stat[3]), process.pid, 'parent')
    const limits = /^Max file size +(\d+) +(\w+)/m.exec(readFileSync(`/proc/${pid}/limits`, 'utf8'))
    assert.deepEqual(limits?.slice(1), [String(10 * 1024 * 1024), 'unlimited'])
  }),
)

/** KiB by name. */
const sizes = (text: string): Record<string, number> =>
  Object.fromEntries([...text.matchAll(/^(\w+):\s+(\d+) kB$/gm)].map(([, name, size]) => [name!, Number(size)]))

test(
  'the memory of a keeper that pumps is within its budget',
  { skip: requires('busybox', 'root') },
  bench(async (own) => {
    const keeper = own.start({ script: 'dd if=/dev/zero bs=64k count=1600 2>/dev/null; read line', stdin: 'open' })
    await keeper.begun()
    const pid = await own.pid()
    await until(
      'all is pumped',
      async () => keeperStatus(own.run)!.blocked === undefined && readdirSync(own.spool).includes('log.2') && (await spooled(own)),
    )
    const rollup = sizes(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))
    const status = sizes(readFileSync(`/proc/${pid}/status`, 'utf8'))
    const own64 = rollup['Private_Dirty']! + rollup['Private_Clean']!
    assert.ok(own64 <= 64, `private memory ${own64} KiB of at most 64`)
    assert.ok(status['RssAnon']! <= 36, `anonymous memory ${status['RssAnon']} KiB of at most 36`)
    assert.ok(status['VmPTE']! <= 40, `page tables ${status['VmPTE']} KiB of at most 40`)
  }),
)

const spooled = async (own: KeeperBench): Promise<boolean> => {
  const sequences = readdirSync(own.spool)
    .filter((name) => name.startsWith('log.'))
    .map((name) => Number(readFileSync(join(own.spool, name)).readBigUInt64LE(16)))
  return Math.max(...sequences) >= 9
}
