/** The program that people use, with a store, settings and a home of its own. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, mkdtempSync, openSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { removeTree } from '../../image/store/remove-tree.ts'
import { TIOCGPTPEER, TIOCSPTLCK, TIOCSWINSZ, WINSIZE } from '../../runtime/sys/abi/ioctl.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { command, type CommandOptions, MARK, type Result } from './runtime.ts'
import { Terminal } from './terminal.ts'

export const WHERRY = resolve(import.meta.dirname, '../../bin/wherry')

const O_RDWR_NOCTTY = 0o402

export interface TerminalOptions {
  readonly columns?: number
  readonly rows?: number
  readonly env?: Readonly<Record<string, string>>
}

export interface TerminalRun {
  readonly terminal: Terminal
  readonly pid: number
  /** Its exit status; 128 + the signal that ended it. */
  readonly ended: Promise<number>
}

export class Wherry {
  readonly folder: string
  readonly root: string
  /** File of credentials, which login makes. */
  readonly auth: string
  readonly env: Readonly<Record<string, string>>

  constructor(env: Readonly<Record<string, string>> = {}) {
    this.folder = mkdtempSync(`${tmpdir()}/${MARK}-cli-`)
    this.root = join(this.folder, 'root')
    this.auth = join(this.folder, 'xdg/containers/auth.json')
    for (const name of ['home', 'xdg']) mkdirSync(join(this.folder, name), { mode: 0o700 })
    this.env = {
      WHERRY_ROOT: this.root,
      WHERRY_RUN_ROOT: join(this.folder, 'run'),
      WHERRY_CONFIG: '/dev/null',
      CONTAINERS_REGISTRIES_CONF: '/dev/null',
      XDG_RUNTIME_DIR: join(this.folder, 'xdg'),
      HOME: join(this.folder, 'home'),
      TZ: 'UTC',
      LC_ALL: 'C.UTF-8',
      ...env,
    }
  }

  run(argv: readonly string[], options: CommandOptions = {}): Promise<Result> {
    return command([WHERRY, ...argv], this.folder, { ...options, env: { ...this.env, ...options.env } })
  }

  /** stdout of a command that succeeds. */
  async ok(...argv: readonly string[]): Promise<string> {
    const { status, stdout, stderr } = await this.run(argv)
    assert.equal(status, 0, `wherry ${argv.join(' ')}: ${status}: ${stderr}`)
    return stdout
  }

  /** stderr of a command that fails with the status. */
  async fails(argv: readonly string[], status = 1, options: CommandOptions = {}): Promise<string> {
    const result = await this.run(argv, options)
    assert.equal(result.status, status, `wherry ${argv.join(' ')}: ${result.status}: ${result.stdout}${result.stderr}`)
    return result.stderr
  }

  file(name: string, content: string | Uint8Array = ''): string {
    const path = join(this.folder, name)
    writeFileSync(path, content)
    return path
  }

  path(name: string): string {
    return join(this.folder, name)
  }

  /** Runs it on a terminal of its own, which is its controlling one. */
  onTerminal(argv: readonly string[], { columns = 80, rows = 24, env = {} }: TerminalOptions = {}): TerminalRun {
    const master = openSync('/dev/ptmx', O_RDWR_NOCTTY)
    syscall('ioctl', [master, TIOCSPTLCK, Buffer.alloc(4)])
    const slave = Number(syscall('ioctl', [master, TIOCGPTPEER, O_RDWR_NOCTTY]))
    resize(master, columns, rows)
    const child = spawn('setsid', ['--ctty', '--wait', WHERRY, ...argv], {
      cwd: this.folder,
      env: { PATH: process.env['PATH'], TERM: 'xterm', WHERRY_TEST: MARK, TMPDIR: tmpdir(), ...this.env, ...env },
      stdio: [slave, slave, slave],
    })
    closeSync(slave)
    const ended = new Promise<number>((done, fail) => {
      child.once('error', fail)
      child.once('exit', (status) => done(status ?? 255))
    })
    return { terminal: new Terminal(master), pid: child.pid!, ended }
  }

  async close(): Promise<void> {
    await removeTree(this.folder)
  }
}

export const resize = (master: number, columns: number, rows: number): void => {
  const size = Buffer.alloc(WINSIZE.size)
  size.writeUInt16LE(rows, WINSIZE.ws_row)
  size.writeUInt16LE(columns, WINSIZE.ws_col)
  syscall('ioctl', [master, TIOCSWINSZ, size])
}

/** Lines of a table as arrays of cells: columns stand three blanks apart at least. */
export const cells = (table: string): readonly (readonly string[])[] =>
  table
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
