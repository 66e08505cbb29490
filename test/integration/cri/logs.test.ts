/** From a keeper's spool to a log as kubelet reads it: nothing lost, nothing doubled, whatever happens meanwhile. */
import assert from 'node:assert/strict'
import { type ChildProcess, fork } from 'node:child_process'
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { LOG_SPOOL } from '../../../cri/logs/types.ts'
import { MOST_TEXT } from '../../../cri/logs/line.ts'
import type { SpoolOptions } from '../../../runtime/keeper/files.ts'
import { keeperStatus } from '../../../runtime/keeper/page.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { SpoolReader } from '../../../runtime/keeper/reader.ts'
import { containerAt, ID, logsOf, openBenchLogs, parseLog, quiet, readLog, shown } from '../../support/cri/logs.ts'
import { bench, executable, isAlive, type KeeperBench, terminalProgram, until } from '../../support/keeper.ts'
import { requires } from '../../support/requires.ts'
import { withTmpfs } from '../../support/tmpfs.ts'

const skip = requires('busybox', 'root')
const MIB = 1024 * 1024
const SMALL: SpoolOptions = { limit: 64 * 1024, slots: 4, consumed: true }

const texts = (path: string): string[] => readLog(path).map(({ stream, tag, text }) => `${stream} ${tag} ${text}`)

test(
  'both streams, partial lines, and the end',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const log = quiet()
    const keeper = own.start({
      script: 'echo one; sleep 0.05; echo two >&2; sleep 0.05; printf three; sleep 0.05; echo four; sleep 0.05; printf five >&2',
      log: LOG_SPOOL,
    })
    const logs = openBenchLogs(own, log)
    try {
      logs.follow(containerAt(folder))
      logs.follow(containerAt(folder))
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      assert.deepEqual(texts(path), ['stdout F one', 'stderr F two', 'stdout F threefour', 'stderr P five'])
      const times = readLog(path).map(({ time }) => time)
      assert.deepEqual(times, [...times].sort())
      assert.equal(statSync(path).mode & 0o7777, 0o640)
      assert.deepEqual(readdirSync(own.spool), ['exit'], 'what is in the log is in the spool no more')
      await logs.drained(ID)
      await assert.rejects(logs.reopen(ID), /the container has ended/)
      await logs.forget(ID)
      await assert.rejects(logs.reopen(ID), { kind: 'not-found' })
    } finally {
      await logs.close()
    }
    // the next server finds it done
    const next = openBenchLogs(own, log)
    next.follow(containerAt(folder, 'exited'))
    await next.drained(ID)
    await next.close()
    assert.equal(texts(path).length, 4)
    assert.deepEqual(log.told, [])
  }),
)

test(
  'a terminal’s output is stdout, with its carriage returns',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const program = executable(own, terminalProgram('echo one; echo two >&2'))
    const keeper = own.start({ executable: program, argv: ['init'], terminal: true, descriptors: [], log: LOG_SPOOL })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      assert.deepEqual(texts(path), ['stdout F one\r', 'stdout F two\r'])
    } finally {
      await logs.close()
    }
  }),
)

test(
  'binary output comes out as it went in',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const binary = Buffer.from(Array.from({ length: 300_000 }, (_, index) => (index * 7 + (index >> 8) * 13) & 0xff))
    writeFileSync(join(own.root, 'binary'), binary)
    const keeper = own.start({ script: `cat ${own.root}/binary; cat ${own.root}/binary >&2`, log: SMALL })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      const lines = readLog(path)
      for (const stream of ['stdout', 'stderr']) assert.ok(shown(lines, stream) === binary.toString('latin1'), stream)
      assert.ok(lines.every(({ text }) => text.length <= MOST_TEXT))
    } finally {
      await logs.close()
    }
  }),
)

/** `1`, `2` … of one stream, however they are spread over files. */
const assertNumbered = (text: string, last?: number): void => {
  const lines = text.split('\n')
  const rest = lines.pop()!
  const wrong = lines.findIndex((line, index) => line !== String(index + 1))
  assert.equal(wrong, -1, `line ${wrong + 1} is ${lines[wrong]} after ${lines[wrong - 1]}`)
  if (last === undefined) return
  assert.equal(rest, '')
  assert.equal(lines.length, last)
}

/** What kubelet has renamed, the oldest first, and what is at the path. */
const allOf = (path: string): Buffer => {
  const folder = join(path, '..')
  const names = readdirSync(folder).filter((name) => name.startsWith('0.log.'))
  names.sort((a, b) => Number(a.slice(6)) - Number(b.slice(6)))
  return Buffer.concat([...names.map((name) => join(folder, name)), path].filter(existsSync).map((name) => readFileSync(name)))
}

test(
  'rotation under load loses and doubles nothing',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'seq 1 300000 & seq 1 300000 >&2; wait', log: SMALL })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      let ended = false
      const end = keeper.ended().then(() => {
        ended = true
      })
      let count = 0
      for (; !ended; count += 1) {
        await until('there is a log', () => existsSync(path))
        renameSync(path, `${path}.${count}`)
        const failure = await logs.reopen(ID).then(
          () => undefined,
          (error: Error) => error,
        )
        if (failure === undefined) assert.ok(existsSync(path), 'reopened')
        else {
          assert.match(failure.message, /the container has ended/)
          renameSync(`${path}.${count}`, path)
          break
        }
        await sleep(2)
      }
      await end
      keeper.acknowledge()
      await logs.drained(ID)
      const content = allOf(path)
      const lines = parseLog(content)
      for (const stream of ['stdout', 'stderr']) assertNumbered(shown(lines, stream), 300_000)
      for (const name of readdirSync(join(folder, 'c'))) parseLog(readFileSync(join(folder, 'c', name)))
    } finally {
      await logs.close()
    }
  }),
)

test(
  'reopening a log that was not renamed goes on with it',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'echo one; read go; echo two', stdin: 'open', log: SMALL })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      await until('the first line', () => existsSync(path) && statSync(path).size > 0)
      await logs.reopen(ID)
      own.go()
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      assert.deepEqual(texts(path), ['stdout F one', 'stdout F two'])
    } finally {
      await logs.close()
    }
  }),
)

const writer = (own: KeeperBench, logs: string): ChildProcess =>
  fork(join(import.meta.dirname, '../../support/cri/logs-child.ts'), [JSON.stringify({ root: own.root, ...own.folders, logs })], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })

const told = (child: ChildProcess): Promise<unknown> =>
  new Promise((resolve) => {
    child.once('message', resolve)
    child.once('exit', () => resolve('killed'))
  })

/** Lines of many lengths on both streams, until `stop` is there. */
const CHATTER = (stop: string): string => `awk 'BEGIN {
  pad = "xxxxxxxxxx"; while (length(pad) < 40000) pad = pad pad
  for (i = 1; ; i++) {
    n = i % 1000 == 0 ? 40000 : (i * 37) % 90
    line = i " " substr(pad, 1, n)
    print line
    print line > "/dev/stderr"
    if (i % 500 == 0) { fflush(); if ((getline last < "${stop}") >= 0) break }
  }
  printf "end"
}'`

const assertChatter = (text: string, end: string): number => {
  const lines = text.split('\n')
  assert.equal(lines.pop(), end)
  for (const [index, line] of lines.entries()) {
    const number = index + 1
    const length = number % 1000 === 0 ? 40_000 : (number * 37) % 90
    if (line !== `${number} ${'x'.repeat(length)}`) assert.fail(`line ${number} is ${line.slice(0, 200)}`)
  }
  return lines.length
}

test(
  'a writer that is killed at any moment, 50 times, with files renamed meanwhile, loses and doubles nothing',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const stop = join(own.root, 'stop')
    const keeper = own.start({ script: CHATTER(stop), log: SMALL })
    let rotated = 0
    for (let round = 0; round < 50; round += 1) {
      const child = writer(own, folder)
      const closed = new Promise((resolve) => child.once('close', resolve))
      try {
        assert.equal(await told(child), 'ready')
        await sleep(Math.random() * 40)
        if (round % 3 === 0 && existsSync(path)) {
          renameSync(path, `${path}.${rotated++}`)
          // the other half are killed before they are told
          if (round % 2 === 0) {
            const answer = told(child)
            child.send('reopen')
            if (round % 4 === 0) assert.equal(await answer, 'reopened')
            else await sleep(Math.random() * 3)
          }
        }
      } finally {
        child.kill('SIGKILL')
        await closed
      }
    }
    writeFileSync(stop, '')
    const log = quiet()
    const logs = openBenchLogs(own, log)
    try {
      logs.follow(containerAt(folder))
      assert.equal((await keeper.ended())?.exitCode, 0)
      keeper.acknowledge()
      await logs.drained(ID)
    } finally {
      await logs.close()
    }
    assert.deepEqual(log.told, [])
    const lines = parseLog(allOf(path))
    const count = assertChatter(shown(lines, 'stdout'), 'end')
    assert.equal(assertChatter(shown(lines, 'stderr'), ''), count)
    assert.ok(rotated > 0)
  }),
)

test(
  'what is written while nobody writes the log waits, and so does the container',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'seq 1 100000', log: SMALL })
    await until('the container waits', () => keeperStatus(own.run)?.blocked === 'EEXIST')
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      assert.equal((await keeper.ended())?.lost, false)
      keeper.acknowledge()
      await logs.drained(ID)
      assertNumbered(shown(readLog(path), 'stdout'), 100_000)
    } finally {
      await logs.close()
    }
  }),
)

test(
  'a keeper that was killed ends the log with what it has written',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'seq 1 10000000', log: SMALL })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      await until('there is a log', () => existsSync(path) && statSync(path).size > MIB)
      const [pid, init] = [await own.pid(), await own.init()]
      const drained = logs.drained(ID)
      process.kill(pid, 'SIGKILL')
      await until('init is gone', () => !isAlive(init))
      assert.equal(await keeper.ended(), undefined)
      await drained
      assertNumbered(shown(readLog(path), 'stdout'))
    } finally {
      await logs.close()
    }
  }),
)

test('a log on a full disk: the container waits, and goes on where it was', { skip }, () =>
  withTmpfs(2 * MIB, (disk) =>
    bench(async (own) => {
      const ballast = join(disk, 'ballast')
      const path = join(disk, 'pod/c/0.log')
      const log = quiet()
      const keeper = own.start({ script: 'seq 1 200000 & seq 1 200000 >&2; wait; exit 9', log: SMALL })
      const logs = openBenchLogs(own, log)
      try {
        writeFileSync(ballast, Buffer.alloc(1.5 * MIB))
        logs.follow(containerAt(join(disk, 'pod')))
        await until('the container waits', () => keeperStatus(own.run)?.blocked === 'EEXIST')
        await until('that is said', () => log.told.length > 0)
        assert.match(log.told[0]!, /the log of the container cannot be written.*ENOSPC/)
        parseLog(readFileSync(path))
        await assert.rejects(logs.drained(ID, AbortSignal.timeout(50)), { name: 'TimeoutError' })
        const parts: Buffer[] = []
        // kubelet rotates, and takes the old file away
        let ended = false
        void keeper.ended().then(() => {
          ended = true
        })
        for (; !ended; await sleep(10)) {
          renameSync(path, `${path}.1`)
          await logs.reopen(ID).then(
            () => {
              parts.push(readFileSync(`${path}.1`))
              rmSync(`${path}.1`)
            },
            () => renameSync(`${path}.1`, path),
          )
        }
        assert.equal((await keeper.ended())?.exitCode, 9)
        keeper.acknowledge()
        rmSync(ballast)
        await logs.drained(ID)
        const lines = parseLog(Buffer.concat([...parts, readFileSync(path)]))
        for (const stream of ['stdout', 'stderr']) assertNumbered(shown(lines, stream), 200_000)
        assert.equal(
          log.told.filter((message) => /cannot be written/.test(message)).length,
          log.told.filter((message) => /written again/.test(message)).length,
        )
      } finally {
        await logs.close()
      }
    })(),
  ),
)

/** Writes until there is no room. */
const fill = (path: string): void => {
  const fd = openSync(path, 'w')
  try {
    for (let size = 64 * 1024; size > 0; )
      try {
        if (writeSync(fd, Buffer.alloc(size)) < size) size = Math.floor(size / 2)
      } catch (error) {
        if (!isErrno(error, 'ENOSPC')) throw error
        size = Math.floor(size / 2)
      }
  } finally {
    closeSync(fd)
  }
}

test('output, place and log on one disk that is full again and again, with new writers', { skip }, () =>
  withTmpfs(3 * MIB, (disk) =>
    bench(async (own) => {
      const { folder, path } = logsOf(own)
      const ballast = join(disk, 'ballast')
      const keeper = own.start({ script: 'seq 1 150000 & seq 1 150000 >&2; wait; exit 9', log: SMALL })
      fill(ballast)
      await until('the container waits', () => ['ENOSPC', 'EEXIST'].includes(keeperStatus(own.run)?.blocked ?? ''))
      let ended = false
      void keeper.ended().then(() => {
        ended = true
      })
      const parts: Buffer[] = []
      const messages: string[] = []
      for (let round = 0; !ended; round += 1) {
        assert.ok(round < 1000, 'it ends')
        const log = quiet()
        const logs = openBenchLogs(own, log)
        try {
          logs.follow(containerAt(folder))
          await sleep(5 + Math.random() * 20)
          rmSync(ballast, { force: true })
          await sleep(Math.random() * 20)
          if (existsSync(path)) {
            renameSync(path, `${path}.1`)
            await logs.reopen(ID).then(
              () => {
                parts.push(readFileSync(`${path}.1`))
                rmSync(`${path}.1`)
              },
              () => renameSync(`${path}.1`, path),
            )
          }
          if (round < 25) fill(ballast)
        } finally {
          await logs.close()
          messages.push(...log.told)
        }
      }
      rmSync(ballast, { force: true })
      assert.equal((await keeper.ended())?.exitCode, 9)
      keeper.acknowledge()
      const logs = openBenchLogs(own, quiet())
      try {
        logs.follow(containerAt(folder))
        await logs.drained(ID)
      } finally {
        await logs.close()
      }
      const lines = parseLog(Buffer.concat([...parts, readFileSync(path)]))
      for (const stream of ['stdout', 'stderr']) assertNumbered(shown(lines, stream), 150_000)
      assert.ok(messages.some((message) => message.includes('ENOSPC')))
    }, disk)(),
  ),
)

test(
  'a symbolic link in the place of the log, or of its folder, is not followed',
  { skip },
  bench(async (own) => {
    for (const kind of ['file', 'folder', 'pod'] as const) {
      const folder = join(own.root, `logs-${kind}`)
      const target = join(own.root, `target-${kind}`)
      if (kind !== 'pod') mkdirSync(folder)
      if (kind === 'file') {
        mkdirSync(join(folder, 'c'))
        writeFileSync(target, 'precious')
        symlinkSync(target, join(folder, 'c/0.log'))
      } else {
        mkdirSync(target)
        symlinkSync(target, kind === 'pod' ? folder : join(folder, 'c'))
      }
      rmSync(own.spool, { recursive: true })
      mkdirSync(own.spool)
      const keeper = own.start({ script: 'echo one', log: SMALL })
      const log = quiet()
      const logs = openBenchLogs(own, log)
      try {
        logs.follow(containerAt(folder))
        await keeper.ended()
        keeper.acknowledge()
        await until('that is said', () => log.told.length > 0)
        assert.match(log.told[0]!, /a symbolic link is in its place/)
        if (kind === 'file') assert.equal(readFileSync(target, 'utf8'), 'precious')
        else assert.deepEqual(readdirSync(target), [])
        // it must not be in the way of the container’s removal
        await logs.forget(ID)
      } finally {
        await logs.close()
      }
    }
  }),
)

test(
  'a log that was emptied or removed is gone on with',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'echo one; read go; echo two; read go; echo three', stdin: 'open', log: SMALL })
    const first = openBenchLogs(own, quiet())
    first.follow(containerAt(folder))
    await until('the first line', () => existsSync(path) && statSync(path).size > 0)
    truncateSync(path)
    own.go()
    await until('the second line', () => statSync(path).size > 0)
    assert.deepEqual(texts(path), ['stdout F two'])
    await first.close()
    rmSync(path)
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      own.go()
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      assert.deepEqual(texts(path), ['stdout F three'])
    } finally {
      await logs.close()
    }
  }),
)

test(
  'files of the spool that an attached client still reads are not taken from it',
  { skip },
  bench(async (own) => {
    const { folder, path } = logsOf(own)
    const keeper = own.start({ script: 'read go; seq 1 100000', stdin: 'open', log: SMALL })
    const reader = await SpoolReader.open(own.folders, { follow: true, hold: true })
    const logs = openBenchLogs(own, quiet())
    try {
      logs.follow(containerAt(folder))
      own.go()
      await until('the container waits for the client', () => keeperStatus(own.run)?.blocked === 'EEXIST')
      const parts: string[] = []
      for await (const event of reader) {
        assert.ok(event.kind === 'record', 'no gap')
        parts.push(event.payload.toString('latin1'))
      }
      assertNumbered(parts.join(''), 100_000)
      await keeper.ended()
      keeper.acknowledge()
      await logs.drained(ID)
      assertNumbered(shown(readLog(path), 'stdout'), 100_000)
    } finally {
      await logs.close()
    }
  }),
)
