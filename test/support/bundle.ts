/**
 * A throw-away bundle and the containers of it. What a test makes here is gone when the test ends, failed or not; a container that
 * leaves something behind fails its test.
 */
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, lchownSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, type TestContext } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { layout } from '../../runtime/cgroups/layout.ts'
import { baseConfig, type Config, shell } from './config.ts'
import { hierarchies, mountsOf, processesOf, removeCgroup } from './leftovers.ts'
import { makeRootfs } from './rootfs.ts'
import { command, type CommandOptions, MARK, OURS, PATIENCE, type Result, RUNTIME } from './runtime.ts'

/** What `state` prints. */
export interface ShownState {
  readonly ociVersion: string
  readonly id: string
  readonly pid: number
  readonly status: string
  readonly bundle: string
  readonly rootfs: string
  readonly created: string
  readonly owner?: string
  readonly annotations?: Readonly<Record<string, string>>
}

/** Milliseconds between two looks at something that is yet to happen. */
const PAUSE = 20

/** Characters of output that a message shows. */
const SHOWN = 2000

/** How a test says what it expects where nothing special is asked for: success, with the output in the message. */
export const succeeded = (result: Result, what: string): Result => {
  assert.equal(result.status, 0, `${what}: status ${result.status ?? result.signal}\n${(result.stderr + result.stdout).slice(0, SHOWN)}`)
  return result
}

/** A folder for all bundles of this test file; mode 0711, so that mapped ids reach what a test opens to them. */
let shared: string | undefined
const sharedFolder = (): string => {
  shared ??= mkdtempSync(`${tmpdir()}/${MARK}-`)
  chmodSync(shared, 0o711)
  return shared
}
after(() => {
  if (shared !== undefined) rmSync(shared, { recursive: true, force: true })
})

/** Those of tests that run. */
const live = new Set<Bundle>()

/** A run that is broken off leaves as little as one that ends. */
const cleanUp = (signal: NodeJS.Signals): void => {
  for (const { known, root, folder } of live) {
    for (const id of known) spawnSync(RUNTIME, ['--root', root, 'delete', '--force', id], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true })
  }
  if (shared !== undefined) rmSync(shared, { recursive: true, force: true })
  process.removeAllListeners(signal)
  process.kill(process.pid, signal)
}
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, cleanUp)

let count = 0

export class Bundle {
  readonly folder: string
  readonly rootfs: string
  readonly id: string
  config: Config = baseConfig()
  /** Flags before the verb. */
  globals: string[] = []
  readonly #others = new Set<string>()

  constructor() {
    count += 1
    this.id = `${MARK}-${process.pid}-${count}`
    this.folder = `${sharedFolder()}/${count}`
    mkdirSync(this.folder, { mode: 0o711 })
    this.rootfs = `${this.folder}/rootfs`
    makeRootfs(this.rootfs)
    this.config.linux.cgroupsPath = `/${this.id}`
  }

  /** Folder of the runtime's state. */
  get root(): string {
    return `${this.folder}/state`
  }

  /** A path of the root filesystem as the host sees it. */
  in(path: string): string {
    return `${this.rootfs}${path.startsWith('/') ? '' : '/'}${path}`
  }

  /** Another id for a container of this bundle, deleted with the others. */
  another(): string {
    const id = `${this.id}-${this.#others.size + 1}`
    this.#others.add(id)
    return id
  }

  write(): void {
    writeFileSync(`${this.folder}/config.json`, JSON.stringify(this.config))
  }

  /** Gives the root filesystem to another owner: the root of a user namespace. */
  own(uid: number, gid = uid): void {
    const visit = (path: string): void => {
      lchownSync(path, uid, gid)
      for (const entry of readdirSync(path, { withFileTypes: true })) {
        if (entry.isDirectory()) visit(`${path}/${entry.name}`)
        else if (entry.name !== 'busybox') lchownSync(`${path}/${entry.name}`, uid, gid)
      }
    }
    visit(this.rootfs)
  }

  /** Runs a verb of the runtime. */
  runtime(args: readonly string[], options: CommandOptions = {}): Promise<Result> {
    return command([RUNTIME, ...this.globals, '--root', this.root, ...args], this.folder, {
      ...options,
      env: { WHERRY_TEST: this.id, ...options.env },
    })
  }

  /** Runs a verb that must succeed. */
  async must(...args: readonly string[]): Promise<Result> {
    return succeeded(await this.runtime(args), args[0]!)
  }

  /** `run` in the foreground. */
  run(args: readonly string[] = this.config.process.args, options: CommandOptions & { flags?: readonly string[] } = {}): Promise<Result> {
    this.config.process.args = [...args]
    this.write()
    return this.runtime(['run', '--bundle', this.folder, ...(options.flags ?? []), this.id], options)
  }

  /** What a script prints inside, without the last newline. */
  async probe(script: string, options: CommandOptions & { flags?: readonly string[] } = {}): Promise<string> {
    return succeeded(await this.run(shell(script), options), 'run').stdout.trimEnd()
  }

  /** As `probe`, by line. */
  async lines(script: string, options: CommandOptions & { flags?: readonly string[] } = {}): Promise<string[]> {
    return (await this.probe(script, options)).split('\n')
  }

  /** `run` must fail for the reason that `pattern` finds in what it says (other runtimes say it otherwise), and leave nothing. */
  async refused(pattern: RegExp, args: readonly string[] = this.config.process.args, flags: readonly string[] = []): Promise<Result> {
    const result = await this.run(args, { flags })
    this.assertRefusal(result, pattern)
    return result
  }

  assertRefusal(result: Result, pattern: RegExp): void {
    assert.notEqual(result.status, 0, `was to be refused: ${pattern}\n${result.stdout}`)
    if (OURS) {
      assert.match(result.stderr.slice(-SHOWN).replaceAll('\\"', '"'), pattern) // the log quotes messages
      assert.equal(result.status, 1, result.stderr)
    }
    this.assertNothingLeft()
  }

  /** Starts a container that stays: its init, whose pid is returned, runs the script. */
  async up(script = 'exec sleep 100000', flags: readonly string[] = []): Promise<{ readonly pid: number }> {
    this.config.process.args = shell(script)
    this.write()
    const file = `${this.folder}/init.pid`
    await this.must('run', '--detach', '--pid-file', file, '--bundle', this.folder, ...flags, this.id)
    return { pid: Number(readFileSync(file, 'utf8')) }
  }

  async create(...flags: readonly string[]): Promise<ShownState> {
    this.write()
    await this.must('create', '--bundle', this.folder, ...flags, this.id)
    return this.state()
  }

  exec(args: readonly string[], { flags = [], ...options }: CommandOptions & { flags?: readonly string[] } = {}): Promise<Result> {
    return this.runtime(['exec', ...flags, this.id, ...args], options)
  }

  /** What a script prints that `exec` runs inside. */
  async inside(script: string, flags: readonly string[] = []): Promise<string> {
    return succeeded(await this.exec(shell(script), { flags }), 'exec').stdout.trimEnd()
  }

  async state(id = this.id): Promise<ShownState> {
    return JSON.parse((await this.must('state', id)).stdout) as ShownState
  }

  /** Waits until `state` says so. */
  async becomes(status: string): Promise<void> {
    const end = Date.now() + PATIENCE
    for (;;) {
      const now = (await this.state()).status
      if (now === status) return
      assert.ok(Date.now() < end, `${this.id} is ${now}, not ${status}`)
      await setTimeout(PAUSE)
    }
  }

  /** Folders of the container's cgroup, one per hierarchy. */
  get cgroupFolders(): string[] {
    return hierarchies().map((hierarchy) => `${hierarchy}${this.config.linux.cgroupsPath}`)
  }

  /** Folder of the container's cgroup in the hierarchy that has `controller`. */
  cgroup(controller: string): string {
    const { hierarchies: all } = layout()
    const hierarchy = all.get(controller) ?? all.get('')
    assert.ok(hierarchy !== undefined, `no hierarchy has ${controller}`)
    return `${hierarchy.mountPoint}${this.config.linux.cgroupsPath}`
  }

  /** A file of the container's cgroup, by its names on v1 and on v2: `limit('memory', 'limit_in_bytes', 'max')`. */
  limit(controller: string, v1: string, v2: string): string {
    const file = layout().hierarchies.has(controller) ? `${controller}.${v1}` : `${controller === 'blkio' ? 'io' : controller}.${v2}`
    return readFileSync(`${this.cgroup(controller)}/${file}`, 'utf8').trim()
  }

  /** Ids of containers in the folder of the state. */
  get known(): string[] {
    return existsSync(this.root) ? readdirSync(this.root).filter((name) => !name.startsWith('@')) : []
  }

  /** No container in the state, no half-done work in the journal, no cgroup, no process, no mount. */
  assertNothingLeft(): void {
    const journal = `${this.root}/@journal`
    assert.deepEqual(
      {
        containers: this.known,
        journal: existsSync(journal) ? readdirSync(journal) : [],
        cgroups: this.cgroupFolders.filter((folder) => existsSync(folder)),
        processes: processesOf(this.id),
        mounts: mountsOf(this.folder),
      },
      { containers: [], journal: [], cgroups: [], processes: [], mounts: [] },
    )
  }

  /** Deletes what is there, and says what could not be undone by that. */
  async remove(): Promise<void> {
    try {
      for (const id of this.known) await this.runtime(['delete', '--force', id])
      this.assertNothingLeft()
    } finally {
      for (const folder of this.cgroupFolders) if (existsSync(folder)) removeCgroup(folder)
      rmSync(this.folder, { recursive: true, force: true })
    }
  }
}

/** A bundle for one test. */
export const bundle = (t: TestContext, change: (config: Config, made: Bundle) => void = () => {}): Bundle => {
  const made = new Bundle()
  live.add(made)
  t.after(async () => {
    await made.remove()
    live.delete(made)
  })
  change(made.config, made)
  return made
}
