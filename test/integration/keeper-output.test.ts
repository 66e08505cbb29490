/** The way of a container's output: into the spool, across rotation, to whoever reads it, whatever happens to keeper and disk. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { keeperStatus } from '../../runtime/keeper/page.ts'
import { formatPosition, parsePosition, type Position } from '../../runtime/keeper/position.ts'
import { readSpool, releaseBefore, type SpoolEvent, SpoolReader } from '../../runtime/keeper/reader.ts'
import { logOptions } from '../../runtime/keeper/options.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { bench, collect, collectEvents, isAlive, until } from '../support/keeper.ts'
import { requires } from '../support/requires.ts'
import { withTmpfs } from '../support/tmpfs.ts'

const skip = requires('busybox')
const MIB = 1024 * 1024

/** Consecutive lines `1`, `2` … as seq(1) prints them; judged piece by piece, so that 50 MiB of them fit. */
class Numbered {
  /** Undefined: whatever comes next, after what may be the rest of a line. */
  next: number | undefined
  #rest = ''
  #skip: boolean

  constructor(first?: number) {
    this.next = first
    this.#skip = first === undefined
  }

  push(text: string): void {
    const lines = (this.#rest + text).split('\n')
    this.#rest = lines.pop()!
    if (this.#skip && lines.length > 0) {
      lines.shift()
      this.#skip = false
    }
    for (const line of lines) {
      const number = Number(line)
      if (this.next !== undefined && number !== this.next) assert.equal(number, this.next, 'the next line')
      this.next = number + 1
    }
  }

  gap(): void {
    this.next = undefined
    this.#rest = ''
    this.#skip = true
  }

  end(last: number): void {
    assert.equal(this.#rest, '', 'a whole last line')
    assert.equal(this.next, last + 1, 'all lines')
  }
}

const judge = async (events: AsyncIterable<SpoolEvent>, numbered: Numbered): Promise<number> => {
  let gaps = 0
  for await (const event of events) {
    if (event.kind === 'record') numbered.push(event.payload.toString('latin1'))
    else {
      gaps += 1
      numbered.gap()
    }
  }
  return gaps
}

/** 50 MiB of lines. */
const LINES = 6_700_000

test(
  '50 MiB of lines reach a follower that holds, through a ring of 2 MiB; none is lost or doubled',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: `read go; seq 1 ${LINES}`, stdin: 'open', log: { limit: MIB, slots: 2, consumed: false } })
    const reader = await SpoolReader.open(own.folders, { follow: true, hold: true })
    own.go()
    const numbered = new Numbered(1)
    assert.equal(await judge(reader, numbered), 0)
    numbered.end(LINES)
    assert.equal((await keeper.ended())?.exitCode, 0)
    keeper.acknowledge()
  }),
)

test(
  'a follower that starts late reads all from the start',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: `seq 1 ${LINES / 2}`, log: { limit: 4 * MIB, slots: 20, consumed: false } })
    await until('there are many files', () => readdirSync(own.spool).length > 4)
    const numbered = new Numbered(1)
    assert.equal(await judge(readSpool(own.folders, { follow: true }), numbered), 0)
    numbered.end(LINES / 2)
    const again = new Numbered(1)
    assert.equal(await judge(readSpool(own.folders, { follow: true }), again), 0, 'also when all is over')
    again.end(LINES / 2)
    await keeper.ended()
    keeper.acknowledge()
  }),
)

test(
  'followers that hold and do not, many at once',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'read go; seq 1 400000', stdin: 'open', log: { limit: 64 * 1024, slots: 2, consumed: false } })
    const followers = [new Numbered(1), new Numbered(1), new Numbered(), new Numbered()]
    const readers = await Promise.all(followers.map((_, index) => SpoolReader.open(own.folders, { follow: true, hold: index < 2 })))
    own.go()
    const gaps = await Promise.all(followers.map((numbered, index) => judge(readers[index]!, numbered)))
    for (const numbered of followers.slice(0, 2)) numbered.end(400_000)
    assert.deepEqual(gaps.slice(0, 2), [0, 0])
    await keeper.ended()
    keeper.acknowledge()
  }),
)

test(
  'a follower that is overtaken is told so, and goes on with the oldest that there is',
  { skip },
  bench(async (own) => {
    const keeper = own.start({
      script: 'seq 1 1000; read go; seq 1001 200000',
      stdin: 'open',
      log: { limit: 16 * 1024, slots: 3, consumed: false },
    })
    await keeper.begun()
    const reader = await SpoolReader.open(own.folders, { follow: true })
    const events = reader[Symbol.asyncIterator]()
    const first = await events.next()
    assert.ok(first.value?.kind === 'record')
    own.go()
    await keeper.ended()
    keeper.acknowledge()
    const numbered = new Numbered()
    let gaps = 0
    for await (const event of events)
      if (event.kind === 'record') numbered.push(event.payload.toString('latin1'))
      else {
        gaps += 1
        numbered.gap()
      }
    assert.equal(gaps, 1)
    assert.equal(numbered.next, 200_001)
  }),
)

test(
  'the spool never exceeds its bound',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'dd if=/dev/zero bs=100000 count=200', log: logOptions(100_000, 3) })
    for (let running = true; running; ) {
      running = await Promise.race([keeper.ended().then(() => false), sleep(2, true)])
      for (const name of readdirSync(own.spool)) {
        const size = name.startsWith('log.') ? (statSync(join(own.spool, name), { throwIfNoEntry: false })?.size ?? 0) : 0
        assert.ok(size <= 100_000, `${name} has ${size} bytes`)
      }
    }
    keeper.acknowledge()
    assert.deepEqual(readdirSync(own.spool).sort(), ['exit', 'log.0', 'log.1', 'log.2'])
  }),
)

test('one file is two halves', () => {
  assert.deepEqual(logOptions(10 * MIB, 1), { limit: 5 * MIB, slots: 2, consumed: false })
})

test(
  'a container waits for a follower that holds, and no longer when that dies',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'seq 1 100000', log: { limit: 16 * 1024, slots: 2, consumed: false } })
    const reader = await SpoolReader.open(own.folders, { follow: true, hold: true })
    await until('the keeper waits', () => keeperStatus(own.run)?.blocked === 'EAGAIN')
    const init = await own.init()
    assert.ok(isAlive(init))
    await reader.close()
    assert.equal((await keeper.ended())?.exitCode, 0)
    keeper.acknowledge()
  }),
)

test(
  'the drain time does not end what a follower holds',
  { skip },
  bench(async (own) => {
    const keeper = own.start({
      script: 'read go; seq 1 4000',
      stdin: 'open',
      log: { limit: 8 * 1024, slots: 2, consumed: false },
      drain: 20,
    })
    const reader = await SpoolReader.open(own.folders, { follow: true, hold: true })
    own.go()
    await until(
      'init has ended while the keeper waits',
      () => keeperStatus(own.run)?.phase === 'draining' && keeperStatus(own.run)?.blocked === 'EAGAIN',
    )
    await sleep(200)
    assert.equal(keeperStatus(own.run)?.phase, 'draining')
    const { stdout } = await collectEvents(reader)
    assert.equal(stdout.trim().split('\n').length, 4000)
    assert.equal((await keeper.ended())?.lost, false)
    keeper.acknowledge()
  }),
)

test(
  'nothing of a consumed spool is replaced: the container waits until what was read is removed',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'seq 1 300000', log: { limit: 32 * 1024, slots: 3, consumed: true } })
    await until('the keeper waits', () => keeperStatus(own.run)?.blocked === 'EEXIST')
    assert.deepEqual(readdirSync(own.spool).sort(), ['exit.next', 'log.0', 'log.1', 'log.2', 'next'])
    const numbered = new Numbered(1)
    let position: Position | undefined
    // the reader is killed and started again and again: it goes on from the place that it has written down
    for (let rounds = 0; numbered.next! <= 300_000; rounds += 1) {
      let count = 0
      for await (const event of readSpool(own.folders, { follow: true, ...(position === undefined ? {} : { from: { position } }) })) {
        assert.ok(event.kind === 'record', 'no gap')
        numbered.push(event.payload.toString('latin1'))
        position = parsePosition(formatPosition(event.position))
        releaseBefore(own.spool, position)
        count += 1
        if (count > 3 + rounds) break
      }
    }
    numbered.end(300_000)
    assert.equal((await keeper.ended())?.lost, false)
    keeper.acknowledge()
  }),
)

test(
  'binary output, single bytes and nothing at all',
  { skip },
  bench(async (own) => {
    const binary = Buffer.from(Array.from({ length: 100_000 }, (_, index) => (index * 7 + (index >> 8)) & 0xff))
    writeFileSync(join(own.root, 'binary'), binary)
    const keeper = own.start({
      script: `cat ${own.root}/binary; printf ''; printf '' >&2; dd if=${own.root}/binary bs=1 count=3000 >&2 2>/dev/null`,
    })
    await keeper.ended()
    keeper.acknowledge()
    const { stdout, stderr } = await collect(own)
    assert.ok(Buffer.from(stdout, 'latin1').equals(binary))
    assert.ok(Buffer.from(stderr, 'latin1').equals(binary.subarray(0, 3000)))
  }),
)

test(
  'records are in the order of their times, and a stream that is closed is not missed',
  { skip },
  bench(async (own) => {
    const keeper = own.start({
      script: 'for i in 1 2 3 4 5 6 7 8 9; do echo $i; echo $i >&2; done; exec >&-; for i in 1 2 3; do echo more >&2; done',
    })
    await keeper.ended()
    keeper.acknowledge()
    let last = 0n
    for await (const event of readSpool(own.folders)) {
      assert.ok(event.kind === 'record' && event.time >= last)
      last = event.time
    }
    assert.deepEqual(await collect(own), {
      stdout: '1\n2\n3\n4\n5\n6\n7\n8\n9\n',
      stderr: '1\n2\n3\n4\n5\n6\n7\n8\n9\nmore\nmore\nmore\n',
      gaps: 0,
    })
  }),
)

test(
  'the last lines of both streams, from a time on, and from the end',
  { skip },
  bench(async (own) => {
    const keeper = own.start({
      script:
        'seq 1 50000; echo early >&2; sleep 0.01; seq 50001 100000; echo late >&2; sleep 0.5; printf unfinished; read line; echo; seq 1 3',
      stdin: 'open',
      log: { limit: 64 * 1024, slots: 30, consumed: false },
    })
    await until('it waits', async () => (await collect(own)).stdout.endsWith('unfinished'))
    assert.deepEqual(await collect(own, { from: { tail: 4 } }), { stdout: '99999\n100000\nunfinished', stderr: 'late\n', gaps: 0 })
    assert.deepEqual(await collect(own, { from: { tail: 1 } }), { stdout: 'unfinished', stderr: '', gaps: 0 })
    assert.deepEqual(await collect(own, { from: { tail: 0 } }), { stdout: '', stderr: '', gaps: 0 })
    const many = await collect(own, { from: { tail: 60_000 } })
    assert.equal(many.stderr, 'early\nlate\n')
    assert.equal(many.stdout.split('\n')[0], String(100_000 + 1 - (60_000 - 3)))
    const all = await collect(own, { from: { tail: 1_000_000 } })
    assert.deepEqual(all, await collect(own))
    let since = 0n
    for await (const event of readSpool(own.folders)) if (event.kind === 'record' && event.payload.includes('late')) since = event.time
    assert.deepEqual(
      await collect(own, { from: { since } }).then(({ stderr, stdout }) => [
        stderr,
        stdout.includes('unfinished'),
        stdout.startsWith('1\n'),
      ]),
      ['late\n', true, false],
    )

    const reader = await SpoolReader.open(own.folders, { from: 'end', follow: true })
    const tail = await SpoolReader.open(own.folders, { from: { tail: 1 }, follow: true })
    own.go()
    assert.deepEqual(await collectEvents(reader), { stdout: '\n1\n2\n3\n', stderr: '', gaps: 0 })
    assert.deepEqual(await collectEvents(tail), { stdout: 'unfinished\n1\n2\n3\n', stderr: '', gaps: 0 })
    await keeper.ended()
    keeper.acknowledge()
  }),
)

test(
  'a second run goes on with the spool of the first',
  { skip },
  bench(async (own) => {
    for (const script of ['echo one', 'echo two; exit 2', 'echo three']) {
      const keeper = own.start({ script })
      await keeper.ended()
      keeper.acknowledge()
      keeper.detach()
      const pid = await own.pid()
      await until('the keeper is gone', () => !isAlive(pid))
    }
    assert.equal((await collect(own)).stdout, 'one\ntwo\nthree\n')
    assert.throws(() => own.start({ log: { limit: MIB, slots: 7, consumed: false } }), /it was made for 3 files/)
  }),
)

test(
  'what others hold open is waited for no longer than the drain time',
  { skip },
  bench(async (own) => {
    const keeper = own.start({ script: 'sleep 1000 & echo $!; exit 3', drain: 100 })
    await keeper.begun()
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.exitCode, 3)
    assert.equal(record.held, true)
    assert.equal(record.lost, false)
    const { stdout } = await collect(own)
    process.kill(own.watch(Number(stdout)), 'SIGKILL')
  }),
)

test(
  'a flood from what others hold open ends too',
  { skip },
  bench(async (own) => {
    const keeper = own.start({
      script: 'yes & echo $! > /proc/self/fd/2; exit 3',
      drain: 50,
      log: { limit: 64 * 1024, slots: 2, consumed: false },
    })
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.held, true)
    assert.equal(record.exitCode, 3)
  }),
)

test(
  'SIGKILL of the keeper at any moment leaves a spool that is read, and gone on with',
  { skip },
  bench(async (own) => {
    const log = { limit: 256 * 1024, slots: 3, consumed: false }
    let position: Position | undefined
    for (let round = 0; round < 50; round += 1) {
      const keeper = own.start({ script: 'seq 1 10000000', log })
      const pid = await own.pid()
      const init = await own.init()
      await sleep(Math.random() * 12)
      process.kill(pid, 'SIGKILL')
      assert.equal(await keeper.ended(), undefined)
      keeper.detach()
      // init gets SIGPIPE: nobody reads its output any more
      await until('init is gone', () => !isAlive(init))
      const numbered = new Numbered(1)
      for await (const event of readSpool(own.folders, { follow: true, ...(position === undefined ? {} : { from: { position } }) })) {
        if (event.kind === 'gap') numbered.gap()
        else {
          numbered.push(event.payload.toString('latin1'))
          position = event.position
        }
      }
    }
  }),
)

test('a disk that is full stops the container until there is room', { skip: requires('busybox', 'root') }, () =>
  withTmpfs(2 * MIB, (disk) =>
    bench(async (own) => {
      const ballast = join(disk, 'ballast')
      writeFileSync(ballast, Buffer.alloc(1.5 * MIB))
      const keeper = own.start({ script: 'seq 1 300000; exit 9', log: { limit: 300_000, slots: 50, consumed: false } })
      await until('the keeper waits', () => keeperStatus(own.run)?.blocked === 'ENOSPC')
      const init = await own.init()
      const frozen = (await collect(own)).stdout.length
      await sleep(100)
      assert.equal((await collect(own)).stdout.length, frozen)
      assert.ok(isAlive(init), 'the container waits')
      rmSync(ballast)
      writeFileSync(ballast, Buffer.alloc(200_000))
      const numbered = new Numbered(1)
      for await (const event of readSpool(own.folders, { follow: true })) {
        assert.ok(event.kind === 'record')
        numbered.push(event.payload.toString('latin1'))
        if (numbered.next! > 100_000) rmSync(ballast, { force: true })
        // as a ring of fewer files would
        if (event.position.sequence > 1n) rmSync(join(own.spool, `log.${event.position.sequence - 1n}`), { force: true })
      }
      numbered.end(300_000)
      const record = await keeper.ended()
      keeper.acknowledge()
      assert.deepEqual([record?.exitCode, record?.lost], [9, false])
    }, disk)(),
  ),
)

test('on a disk that stays full the exit code is recorded all the same', { skip: requires('busybox', 'root') }, () =>
  withTmpfs(MIB, (disk) =>
    bench(async (own) => {
      const keeper = own.start({ script: 'seq 1 100000 & sleep 0.2; exit 9', log: { limit: MIB, slots: 50, consumed: false }, drain: 100 })
      await keeper.begun()
      writeFileSync(join(disk, 'ballast'), Buffer.alloc(MIB)) /* as much as there is room for */
      const record = await keeper.ended()
      keeper.acknowledge()
      assert.deepEqual([record?.exitCode, record?.lost], [9, true])
      // the last record has what of it was written
      const numbered = new Numbered(1)
      const { stdout } = await collect(own, { follow: true })
      numbered.push(stdout)
      assert.ok(stdout.length > 0)
    }, disk)().catch((error: unknown) => {
      if (!(error instanceof Error && 'code' in error && error.code === 'ENOSPC')) throw error
    }),
  ),
)

test(
  'a file size limit that is lowered from outside rotates, and loses nothing',
  { skip: requires('busybox', 'root') },
  bench(async (own) => {
    const keeper = own.start({ script: 'read go; seq 1 100000', stdin: 'open', log: { limit: MIB, slots: 50, consumed: false } })
    await keeper.begun()
    const limit = Buffer.alloc(16, 0xff)
    limit.writeBigUInt64LE(50_000n)
    syscall('prlimit64', [await own.pid(), 1, limit, 0])
    own.go()
    const numbered = new Numbered(1)
    assert.equal(await judge(readSpool(own.folders, { follow: true }), numbered), 0)
    numbered.end(100_000)
    const record = await keeper.ended()
    keeper.acknowledge()
    assert.equal(record?.lost, false)
    assert.ok(record.end.sequence >= 10n, 'rotated at the lower limit')
  }),
)

test(
  'a follower that is killed holds nothing',
  { skip },
  bench(async (own) => {
    const script = `import { SpoolReader } from '${new URL('../../runtime/keeper/reader.ts', import.meta.url).pathname}'
    const reader = await SpoolReader.open(${JSON.stringify(own.folders)}, { follow: true, hold: true })
    for await (const event of reader) { console.log('read'); await new Promise(() => setInterval(() => {}, 1000)) }`
    const keeper = own.start({ script: 'seq 1 100000', log: { limit: 16 * 1024, slots: 2, consumed: false } })
    // it may come after the ring has gone round, but from then on the keeper waits for it
    const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    const closed = new Promise((resolve) => child.once('close', resolve))
    try {
      await new Promise((resolve) => child.stdout!.once('data', resolve))
      child.kill('SIGKILL')
      await closed
    } finally {
      child.kill('SIGKILL')
    }
    assert.equal((await keeper.ended())?.exitCode, 0)
    keeper.acknowledge()
    assert.ok(readFileSync(join(own.spool, 'exit')).length > 0)
  }),
)
