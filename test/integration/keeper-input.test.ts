/** The way into a container: stdin and terminals, attached to by any number at once. */
import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Attachment, attach } from '../../runtime/keeper/attach.ts'
import { keeperStatus } from '../../runtime/keeper/page.ts'
import { Requester } from '../../runtime/keeper/request.ts'
import { SyscallError } from '../../runtime/sys/error.ts'
import { bench, collect, collectEvents, executable, isAlive, type KeeperBench, terminalProgram, until } from '../support/keeper.ts'
import { requires } from '../support/requires.ts'

const skip = requires('busybox')

const write = (attachment: Attachment, text: string | Buffer): Promise<void> =>
  new Promise((resolve, reject) => {
    attachment.input!.write(text, (error) => (error ? reject(error) : resolve()))
  })

const hasWritten = (own: KeeperBench, text: string | RegExp): Promise<void> =>
  until(`the container writes ${text}`, async () => {
    const { stdout } = await collect(own)
    return typeof text === 'string' ? stdout.includes(text) : text.test(stdout)
  })

test(
  'stdin is written by two that are attached, and stays open when they leave',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'while read line; do echo "got $line"; done; echo end', stdin: 'open' })
    await keeper.begun()
    assert.equal(statSync(join(own.run, 'stdin')).mode & 0o7777, 0o600)
    const first = await attach(own.folders, { input: true, terminal: false })
    const second = await attach(own.folders, { input: true, terminal: false })
    const seen = collectEvents(second.output())
    await write(first, 'one\n')
    await hasWritten(own, 'got one\n')
    await write(second, 'two\n')
    await hasWritten(own, 'got two\n')
    await first.close()
    await write(second, 'three\n')
    await hasWritten(own, 'got three\n')
    const third = await attach(own.folders, { input: true, terminal: false })
    await write(third, 'four\n')
    third.closeStdin()
    await assert.rejects(
      attach(own.folders, { input: true, terminal: false }),
      (error) => error instanceof SyscallError && error.code === 'EPIPE' && /stdin is closed/.test(error.message),
    )
    await hasWritten(own, 'got four\n')
    assert.equal((await collect(own)).stdout.includes('end'), false, 'two have it open still')
    await third.close()
    second.input!.destroy()
    assert.equal((await keeper.ended())?.exitCode, 0)
    keeper.acknowledge()
    assert.equal((await seen).stdout, 'got one\ngot two\ngot three\ngot four\nend\n', 'all that came since it attached')
    await second.close()
  }),
)

test(
  'with stdin once, the first to leave closes it',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'cat; echo end', stdin: 'once' })
    await keeper.begun()
    // who only looks does not count
    const viewer = await attach(own.folders, { input: false, terminal: false })
    await viewer.close()
    const attachment = await attach(own.folders, { input: true, terminal: false })
    const bytes = Buffer.alloc(300_000, 'x')
    await write(attachment, bytes)
    await attachment.close()
    assert.equal((await keeper.ended())?.exitCode, 0)
    keeper.acknowledge()
    const { stdout } = await collect(own)
    assert.equal(stdout.length, bytes.length + 4)
    assert.ok(stdout.endsWith('xend\n'))
  }),
)

test(
  'with stdin once, one that is killed has left too',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'cat; echo end', stdin: 'once' })
    await keeper.begun()
    const requester = new Requester(own.run)
    own.own(await requester.descriptor('stdin'))
    requester.close()
    await until('stdin is closed', () => !existsIn(own, 'stdin'))
    assert.equal((await collect(own)).stdout, '', 'its descriptor keeps it open for as long as it is')
  }),
)

const existsIn = (own: KeeperBench, name: string): boolean => statSync(join(own.run, name), { throwIfNoEntry: false }) !== undefined

test(
  'stdin that is not there, or that the container has closed',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exec <&-; echo closed; exec sleep 1000', stdin: 'open' })
    await keeper.begun()
    await hasWritten(own, 'closed')
    const requester = new Requester(own.run)
    assert.equal(requester.ask('stdin').result, -32)
    assert.equal(requester.ask('master').result, -25)
    await assert.rejects(requester.descriptor('master'), /ENOTTY \(the container has no terminal\)/)
    requester.close()
  }),
)

test(
  'input that the container does not read blocks nobody',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'read line; echo "got $line"; sleep 0.2; cat | wc -c', stdin: 'open' })
    await keeper.begun()
    const attachment = await attach(own.folders, { input: true, terminal: false })
    const large = Buffer.alloc(1_000_000, 'y')
    const written = write(attachment, Buffer.concat([Buffer.from('go\n'), large]))
    await hasWritten(own, 'got go\n')
    await written
    attachment.closeStdin()
    await attachment.close()
    await keeper.ended()
    keeper.acknowledge()
    assert.ok((await collect(own)).stdout.endsWith('\n1000000\n'))
  }),
)

const startTerminal = (own: KeeperBench, script: string, drain?: number) =>
  own.start({ executable: executable(own, terminalProgram(script)), terminal: true, ...(drain === undefined ? {} : { drain }) })

test(
  'a terminal with two that are attached: both see all, both write, the last size holds',
  { skip },
  bench(async (own) => {
    const keeper = startTerminal(
      own,
      'trap "stty size" WINCH; echo ready; while :; do read line && { test "$line" = quit && exit 5; echo "got $line"; }; done',
    )
    await keeper.begun()
    const first = await attach(own.folders, { from: 'start', input: true, terminal: true })
    const second = await attach(own.folders, { from: 'start', input: true, terminal: true })
    const seen = [collectEvents(first.output()), collectEvents(second.output())]
    await hasWritten(own, 'ready\r\n')
    first.resize({ columns: 101, rows: 33 })
    await write(first, 'a\n')
    await hasWritten(own, '33 101\r\n')
    await write(second, 'one\n')
    await hasWritten(own, 'got one\r\n')
    second.resize({ columns: 80, rows: 24 })
    await write(first, 'two\n')
    await hasWritten(own, 'got two\r\n')
    await write(first, 'b\n')
    await hasWritten(own, '24 80\r\n')
    await first.close()
    await write(second, 'quit\n')
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.exitCode, 5)
    const all = (await collect(own)).stdout
    assert.equal((await seen[1]!).stdout, all)
    assert.ok(all.startsWith((await seen[0]!).stdout))
    await second.close()
  }),
)

test(
  'output of a terminal just before the end is not lost',
  { skip },
  bench(async (own) => {
    const keeper = startTerminal(own, 'seq 1 20000')
    await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    const lines = (await collect(own)).stdout.split('\r\n')
    assert.equal(lines.length, 20_001)
    assert.equal(lines[19_999], '20000')
    assert.deepEqual([record?.exitCode, record?.held, record?.lost], [0, false, false])
  }),
)

test(
  'a terminal that nobody has open for a while is not at its end',
  { skip },
  bench(async (own) => {
    const keeper = startTerminal(own, 'tty=$(tty); echo before; exec <&- >&- 2>&-; sleep 0.3; echo after >$tty; sleep 0.1; exit 6')
    await keeper.begun()
    assert.equal((await keeper.ended())?.exitCode, 6)
    keeper.acknowledge()
    assert.equal((await collect(own)).stdout, 'before\r\nafter\r\n')
  }),
)

test(
  'a container with a terminal that never makes one',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'exec 3>&-; exit 8', terminal: true })
    await keeper.begun()
    assert.equal((await keeper.ended())?.exitCode, 8)
    keeper.acknowledge()
  }),
)

test(
  'what nobody reads from a terminal’s other end blocks no writer here',
  { skip },
  bench(async (own) => {
    const keeper = startTerminal(own, 'stty raw -echo; echo ready; exec sleep 1000')
    await keeper.begun()
    await hasWritten(own, 'ready')
    const attachment = await attach(own.folders, { input: true, terminal: true })
    attachment.input!.on('error', () => {})
    attachment.input!.write(Buffer.alloc(1_000_000, 'z'))
    // the event loop goes on
    await sleep(20)
    await attachment.close()
    assert.ok(isAlive(await own.init()))
  }),
)

test(
  'the drain time of a terminal that a background process holds',
  { skip },
  bench(async (own) => {
    const keeper = startTerminal(own, 'trap "" HUP; (trap "" HUP; exec sleep 1000) & echo "pid $!"; sleep 0.05; exit 4', 100)
    await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.exitCode, 4)
    const pid = Number(/pid (\d+)/.exec((await collect(own)).stdout)?.[1])
    process.kill(own.watch(pid), 'SIGKILL')
    assert.equal(keeperStatus(own.run)?.phase, 'ended')
  }),
)
