/**
 * A server of CRI for tests, with folders, a socket and networks of its own below a folder with the mark of the run: in this process, or as
 * one of its own that can be killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, mkdirSync, mkdtempSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { resolve } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { CriConfig } from '../../../cri/config.ts'
import type { Log } from '../../../cri/cri.ts'
import { type RunningServer, startServer } from '../../../cri/serve.ts'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { openStore, type Store } from '../../../image/store/store.ts'
import { MARK, PATIENCE } from '../runtime.ts'
import { type CriClient, connectCri } from './client.ts'
import { BUSYBOX, putBusybox } from './images.ts'

const MAIN = resolve(import.meta.dirname, '../../../cli/wherry/main.ts')

export interface TestServerOptions {
  /** In the place of what tests usually have. */
  readonly config?: Partial<CriConfig>
  /** Default: the image `BUSYBOX` is in the store. */
  readonly images?: false
  /** As a process of its own. */
  readonly child?: true
}

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: Readonly<Record<string, unknown>>
}

const lineLog = (lines: LogLine[]): Log => {
  const at =
    (level: LogLine['level']) =>
    (message: string, fields: Readonly<Record<string, unknown>> = {}): void =>
      void lines.push({ level, message, fields })
  return { enabled: () => true, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') }
}

/** A server that can be ended and begun again; its folders stay until close(). */
export class TestServer {
  readonly folder: string
  readonly config: CriConfig
  readonly store: Store
  /** Of servers in this process. */
  readonly log: LogLine[] = []
  readonly #asChild: boolean
  #server: RunningServer | undefined
  #child: ChildProcess | undefined
  #client: CriClient | undefined

  private constructor({ config = {}, child }: TestServerOptions) {
    this.folder = mkdtempSync(`${tmpdir()}/${MARK}-cri-`)
    for (const name of ['cni', 'plugins', 'logs']) mkdirSync(`${this.folder}/${name}`)
    this.config = {
      version: '0.0.0-test',
      root: `${this.folder}/root`,
      runRoot: `${this.folder}/run`,
      socket: `${this.folder}/cri.sock`,
      cgroupDriver: 'cgroupfs',
      cniConfig: `${this.folder}/cni`,
      cniPlugins: [`${this.folder}/plugins`, '/opt/cni/bin', '/usr/lib/cni'],
      streamAddress: '127.0.0.1',
      streamPort: 0,
      pinnedImages: [],
      parallelPulls: 3,
      // root of this machine may lack CAP_SYS_RESOURCE
      restrictOomScoreAdj: true,
      ...config,
    }
    this.#asChild = child === true
    this.store = openStore(this.config.root)
  }

  static async open(options: TestServerOptions = {}): Promise<TestServer> {
    const server = new TestServer(options)
    try {
      if (options.images !== false) await putBusybox(server.store, BUSYBOX)
      await server.begin()
    } catch (error) {
      await removeTree(server.folder)
      throw error
    }
    return server
  }

  /** Of the server that runs; its connection is made when it is first used. */
  get client(): CriClient {
    this.#client ??= this.connect()
    return this.#client
  }

  /** One more, for the caller to close. */
  connect(): CriClient {
    return connectCri(`unix:${this.config.socket}`)
  }

  /** Of the child. */
  get pid(): number {
    return this.#child!.pid!
  }

  /** What the child has written on stderr. */
  get output(): string {
    return readFileSync(`${this.folder}/stderr`, 'utf8')
  }

  async begin(): Promise<void> {
    if (this.#asChild) await this.#spawn()
    else this.#server = await startServer(this.config, lineLog(this.log))
  }

  async #spawn(): Promise<void> {
    const { config } = this
    const file = `${this.folder}/wherry.toml`
    writeFileSync(
      file,
      `root = ${JSON.stringify(config.root)}
run_root = ${JSON.stringify(config.runRoot)}
log_level = "debug"
[cri]
socket = ${JSON.stringify(config.socket)}
cgroup_driver = ${JSON.stringify(config.cgroupDriver)}
cni_config = ${JSON.stringify(config.cniConfig)}
cni_plugins = ${JSON.stringify(config.cniPlugins)}
${config.cniTemplate === undefined ? '' : `cni_template = ${JSON.stringify(config.cniTemplate)}`}
stream_address = ${JSON.stringify(config.streamAddress)}
stream_port = ${config.streamPort}
pinned_images = ${JSON.stringify(config.pinnedImages)}
parallel_pulls = ${config.parallelPulls}
restrict_oom_score_adj = ${config.restrictOomScoreAdj}
`,
    )
    const stderr = openSync(`${this.folder}/stderr`, 'a')
    const ready = `${this.output.length}`
    const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', MAIN, '--config', file, 'cri'], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], HOME: '/root', TMPDIR: tmpdir(), CONTAINERS_REGISTRIES_CONF: '/dev/null', WHERRY_TEST: MARK },
      stdio: ['ignore', 'ignore', stderr],
    })
    closeSync(stderr)
    this.#child = child
    for (const until = Date.now() + PATIENCE; !this.output.slice(Number(ready)).includes('the server is ready'); await setTimeout(20)) {
      if (child.exitCode !== null || child.signalCode !== null) throw new Error(`the server ended: ${this.output}`)
      if (Date.now() > until) throw new Error(`the server is not ready: ${this.output}`)
    }
  }

  /** Of a child: SIGTERM, or as `signal` says. Resolves when it has ended. */
  async end(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    this.#client?.close()
    this.#client = undefined
    await this.#server?.close()
    this.#server = undefined
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill(signal)
    await ended
  }

  /** A server in its place that takes over what it left. */
  async again(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    await this.end(signal)
    await this.begin()
  }

  /** Removes all pods, which must succeed, and everything else. */
  async close(): Promise<void> {
    try {
      if (this.#server !== undefined || this.#child !== undefined) await removeAll(this.client)
    } finally {
      await this.end()
      await removeTree(this.folder)
    }
  }
}

const UNIMPLEMENTED = 12

/** Stops and removes every pod with its containers. */
export const removeAll = async (client: CriClient): Promise<void> => {
  try {
    const { items } = await client.listPodSandbox()
    for (const { id } of items) {
      await client.stopPodSandbox({ podSandboxId: id })
      await client.removePodSandbox({ podSandboxId: id })
    }
  } catch (error) {
    if ((error as { code?: number }).code !== UNIMPLEMENTED) throw error
  }
}

/** Calls with a server, which leaves nothing. */
export const withServer = async <T>(use: (server: TestServer) => Promise<T>, options: TestServerOptions = {}): Promise<T> => {
  const server = await TestServer.open(options)
  try {
    return await use(server)
  } finally {
    await server.close()
  }
}
