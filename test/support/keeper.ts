/** Keepers in tests: folders, processes and programs that are gone afterwards. */
import assert from 'node:assert/strict'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readSpool, type ReadOptions, type SpoolEvent } from '../../runtime/keeper/reader.ts'
import { keeperStatus } from '../../runtime/keeper/page.ts'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import type { KeeperOptions } from '../../runtime/keeper/options.ts'
import { loadKeeper, startKeeper } from '../../runtime/keeper/start.ts'
import { Program } from '../../runtime/program/assembler.ts'
import { PAGE_SIZE } from '../../runtime/program/layout.ts'
import { link } from '../../runtime/program/link.ts'
import { O_CLOEXEC, O_NOCTTY, O_RDWR } from '../../runtime/sys/abi/fcntl.ts'
import { TIOCGPTPEER, TIOCSCTTY, TIOCSPTLCK } from '../../runtime/sys/abi/ioctl.ts'
import { CLONE_PARENT, CLONE_PARENT_SETTID } from '../../runtime/sys/abi/sched.ts'
import { SCM_RIGHTS, SOL_SOCKET } from '../../runtime/sys/abi/socket.ts'
import { executableFile } from '../../runtime/sys/spawn.ts'
import { ARCH } from '../../runtime/sys/syscall.ts'

export const BUSYBOX = '/bin/busybox'

for (const terminal of [false, true]) await loadKeeper(terminal)

/** A condition that other processes bring about; fails, naming it, after ten seconds. */
export const until = async (what: string, holds: () => boolean | Promise<boolean>): Promise<void> => {
  for (const deadline = performance.now() + 10_000; !(await holds()); await sleep(5))
    assert.ok(performance.now() < deadline, `in time: ${what}`)
}

const stateOf = (pid: number): string | undefined => {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2, text.lastIndexOf(')') + 3)
  } catch {
    return undefined
  }
}

/** It exists, and is no zombie. */
export const isAlive = (pid: number): boolean => !['Z', 'X', undefined].includes(stateOf(pid))

export type Options = Partial<Omit<KeeperOptions, 'argv'>> & { readonly script?: string; readonly argv?: readonly string[] }

export class KeeperBench {
  readonly root: string
  readonly run: string
  readonly spool: string
  readonly #opened: number[] = []
  readonly #pids = new Set<number>()
  readonly #keepers: Keeper[] = []

  constructor(base = tmpdir()) {
    this.root = mkdtempSync(join(base, 'wherry-keeper-'))
    this.run = join(this.root, 'run')
    this.spool = join(this.root, 'spool')
    mkdirSync(this.run, { mode: 0o700 })
    mkdirSync(this.spool, { mode: 0o700 })
  }

  get folders(): { run: string; spool: string } {
    return { run: this.run, spool: this.spool }
  }

  own(fd: number): number {
    this.#opened.push(fd)
    return fd
  }

  /** A process that must not outlive the test. */
  watch(pid: number): number {
    this.#pids.add(pid)
    return pid
  }

  /** Starts a keeper whose container is busybox's shell running `script`, or the executable that is given. */
  start({ script = 'true', ...options }: Options = {}): Keeper {
    const keeper = startKeeper({
      run: this.run,
      spool: this.spool,
      log: { limit: 10 * 1024 * 1024, slots: 3, consumed: false },
      durable: false,
      executable: options.executable ?? this.own(openSync(BUSYBOX, 'r')),
      argv: ['sh', '-c', script],
      env: ['PATH=/bin:/usr/bin'],
      descriptors: [],
      stdin: 'none',
      terminal: false,
      ...options,
    })
    this.#keepers.push(keeper)
    const status = keeperStatus(this.run)
    if (status !== undefined && status.pid !== 0) this.watch(status.pid)
    return keeper
  }

  /** Ends the `read go` of a container whose stdin is open. */
  go(): void {
    writeFileSync(join(this.run, 'stdin'), 'go\n')
  }

  /** The keeper's pid; 0 before it has told. */
  async pid(): Promise<number> {
    await until('the keeper tells its pid', () => (keeperStatus(this.run)?.pid ?? 0) !== 0)
    const pid = keeperStatus(this.run)!.pid
    return this.watch(pid)
  }

  async init(): Promise<number> {
    await until('init exists', () => keeperStatus(this.run)?.init !== undefined)
    return this.watch(keeperStatus(this.run)!.init!)
  }

  /** Ends what is left, and asserts that it is gone. */
  async close(): Promise<void> {
    const status = existsSync(this.run) ? keeperStatus(this.run) : undefined
    for (const pid of [status?.pid, status?.init]) if (pid !== undefined && pid !== 0) this.#pids.add(pid)
    for (const keeper of this.#keepers) keeper.detach()
    for (const pid of this.#pids)
      if (isAlive(pid))
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // it was faster
        }
    await until('no process is left', () => [...this.#pids].every((pid) => !isAlive(pid)))
    for (const fd of this.#opened) closeSync(fd)
    rmSync(this.root, { recursive: true, force: true })
  }
}

export const bench = (use: (own: KeeperBench) => Promise<void>, base?: string) => async (): Promise<void> => {
  const own = new KeeperBench(base)
  try {
    await use(own)
  } finally {
    await own.close()
  }
}

/** Output as text, by stream; and how often the reader was overtaken. */
export interface Collected {
  readonly stdout: string
  readonly stderr: string
  readonly gaps: number
}

export const collectEvents = async (events: AsyncIterable<SpoolEvent>): Promise<Collected> => {
  const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] }
  let gaps = 0
  for await (const event of events)
    if (event.kind === 'gap') gaps += 1
    else parts[event.stream].push(event.payload)
  return { stdout: Buffer.concat(parts.stdout).toString('latin1'), stderr: Buffer.concat(parts.stderr).toString('latin1'), gaps }
}

export const collect = (own: KeeperBench, options: ReadOptions = {}): Promise<Collected> => collectEvents(readSpool(own.folders, options))

/** Where the programs below leave init's pid in their page. */
export const PID_OFFSET = 16

/** A page for a stage, as a file of the bench. */
export const stagePage = (own: KeeperBench): number => {
  const fd = own.own(openSync(join(own.root, 'stage-page'), 'w+'))
  writeSync(fd, Buffer.alloc(PAGE_SIZE))
  return fd
}

/** A stage as the engine's are: it clones busybox's shell as its parent's child. Its page is descriptor 3. */
export const stageProgram = (script: string, exitStatus = 0): Uint8Array => {
  const p = new Program(ARCH)
  p.call('mmap', [p.page, PAGE_SIZE, 3, 0x11, 3, 0])
  const [child, parent] = [p.label(), p.label()]
  p.call('clone', [CLONE_PARENT | CLONE_PARENT_SETTID, 0, p.page.plus(PID_OFFSET), 0, 0], { zero: child, positive: parent })
  p.place(child)
  p.call('execve', [BUSYBOX, p.strings(['sh', '-c', script]), p.strings(['PATH=/bin'])], { positive: 'fail', zero: 'fail' })
  p.place(parent)
  p.exit(exitStatus)
  return link(p).elf
}

/** An init with a terminal: sends the master of a new pty over descriptor 3 and becomes busybox's shell on the slave. */
export const terminalProgram = (script: string): Uint8Array => {
  const p = new Program(ARCH)
  p.call('setsid', [])
  const master = p.call('openat', [-100, '/dev/ptmx', O_RDWR | O_NOCTTY | O_CLOEXEC, 0])
  p.call('ioctl', [master, TIOCSPTLCK, p.words([0])])
  const slave = p.call('ioctl', [master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC])
  const control = p.words([20, (BigInt(SCM_RIGHTS) << 32n) | BigInt(SOL_SOCKET), 0])
  p.copy(master, control.plus(16), 4)
  p.call('sendmsg', [3, p.words([0, 0, p.words(['/dev/ptmx', 9]), 1, control, 24, 0]), 0])
  for (const stream of [0, 1, 2]) p.call('dup3', [slave, stream, 0])
  p.call('ioctl', [0, TIOCSCTTY, 0])
  p.call('close_range', [3, 0xffffffff, 0])
  p.call('execve', [BUSYBOX, p.strings(['sh', '-c', script]), p.strings(['PATH=/bin', 'PS1=$ '])], { positive: 'fail', zero: 'fail' })
  return link(p).elf
}

export const executable = (own: KeeperBench, elf: Uint8Array): number => own.own(executableFile(elf, own.root))
