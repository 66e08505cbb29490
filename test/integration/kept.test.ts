/** Containers of callers of ours: real ones, under the keeper. */
import assert from 'node:assert/strict'
import { mkdirSync, statSync } from 'node:fs'
import { type TestContext, test } from 'node:test'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { createKept, type Kept, type KeptOptions } from '../../runtime/container/kept.ts'
import { start } from '../../runtime/container/start.ts'
import { state } from '../../runtime/container/state.ts'
import { LOG_DEFAULTS } from '../../runtime/keeper/options.ts'
import { SpoolReader } from '../../runtime/keeper/reader.ts'
import { type Bundle, bundle } from '../support/bundle.ts'
import { type Config, shell } from '../support/config.ts'
import { requires } from '../support/requires.ts'

const skip = requires('root', 'busybox')

class Run {
  readonly box: Bundle
  readonly engine
  readonly folders

  constructor(t: TestContext, script: string, change: (config: Config, made: Bundle) => void = () => {}) {
    this.box = bundle(t, (config, made) => {
      config.process.args = shell(script)
      change(config, made)
    })
    this.box.write()
    this.engine = { root: this.box.root, systemdCgroup: false, warn: () => {} }
    this.folders = { run: `${this.box.folder}/keeper`, spool: `${this.box.folder}/spool` }
    for (const folder of Object.values(this.folders)) mkdirSync(folder, { mode: 0o700 })
  }

  create(options: Partial<KeptOptions> = {}): Promise<Kept> {
    const { id, folder } = this.box
    return createKept(
      this.engine,
      { id, bundle: folder, noPivot: false, noNewKeyring: false, preserveFds: 0 },
      { ...this.folders, log: LOG_DEFAULTS, durable: false, stdin: 'none', terminal: false, ...options },
    )
  }

  /** Starts it, and returns its end once the keeper has recorded it. */
  async finish({ keeper }: Kept) {
    await start(this.engine, this.box.id)
    const record = await keeper.ended()
    keeper.acknowledge()
    await deleteContainer(this.engine, this.box.id, { force: false })
    assert.ok(record !== undefined, 'there is an exit record')
    return record
  }

  /** What it wrote, by stream. */
  async output(): Promise<Record<string, string>> {
    const text: Record<string, string> = {}
    for await (const event of await SpoolReader.open(this.folders))
      if (event.kind === 'record') text[event.stream] = (text[event.stream] ?? '') + event.payload.toString()
    return text
  }
}

test('the keeper has the output and the exit status of a container', { skip }, async (t) => {
  const run = new Run(t, 'echo to stdout; echo to stderr >&2; exit 7')
  const kept = await run.create()
  assert.equal((await state(run.engine, run.box.id)).status, 'created')
  const record = await run.finish(kept)
  assert.equal(record.exitCode, 7)
  assert.equal(record.pid, kept.record.init?.pid)
  assert.deepEqual(await run.output(), { stdout: 'to stdout\n', stderr: 'to stderr\n' })
})

test('a container in a user namespace, whose user may open its streams again', { skip }, async (t) => {
  const run = new Run(t, 'echo as $(id -u) > /dev/stdout; cat /proc/self/uid_map', ({ linux, process }, made) => {
    linux.namespaces.push({ type: 'user' })
    linux.uidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
    linux.gidMappings = [{ containerID: 0, hostID: 100000, size: 65536 }]
    process.user = { uid: 1000, gid: 1000 }
    made.own(100000)
  })
  const record = await run.finish(await run.create())
  assert.equal(record.exitCode, 0)
  assert.equal(statSync('/dev/null').uid, 0) // which was its stdin, and is the host's
  assert.match((await run.output())['stdout'] ?? '', /^as 1000\n\s+0\s+100000\s+65536\n$/)
})

test('a terminal, whose master the keeper has', { skip }, async (t) => {
  const run = new Run(t, 'tty; [ -t 1 ] && echo terminal', ({ process }) => {
    process.terminal = true
  })
  const record = await run.finish(await run.create({ terminal: true }))
  assert.equal(record.exitCode, 0)
  assert.deepEqual(await run.output(), { stdout: '/dev/pts/0\r\nterminal\r\n' })
})

test('what fails while it is created is told, and neither keeper nor container is left', { skip }, async (t) => {
  const run = new Run(t, 'true', ({ process }) => {
    process.args = ['nothing-of-this-name']
  })
  await assert.rejects(run.create(), /exec: "nothing-of-this-name": executable file not found in \$PATH/)
  run.box.assertNothingLeft()
})

test('oom kills of its cgroup are in the exit record', { skip }, async (t) => {
  const run = new Run(t, 'x=a; while :; do x=$x$x; done', ({ linux }) => {
    linux.resources = { ...linux.resources, memory: { limit: 16 * 1024 * 1024, swap: 16 * 1024 * 1024 } }
  })
  const record = await run.finish(await run.create())
  assert.equal(record.signal, 9)
  assert.ok((record.oomKills ?? 0) >= 1, `${record.oomKills} oom kills`)
})
