/** Other processes in a container that runs: attended by this process, left to themselves, or on a terminal of their own. */
import { closeSync, fchownSync, mkdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { exec } from '../../runtime/container/exec.ts'
import { execKept } from '../../runtime/container/kept.ts'
import { childWith } from '../../runtime/container/launch.ts'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import type { KeeperFolders } from '../../runtime/keeper/wait.ts'
import type { Process } from '../../runtime/spec/types.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { wexitstatus, wifexited, wtermsig } from '../../runtime/sys/abi/wait.ts'
import { emit } from './events.ts'
import { engineRecord, execProcess, type ExecRequest } from './exec-process.ts'
import { makePipe, type Output, type Pipe, pumpStreams } from './exec-pump.ts'
import { type Home, placesOf } from './home.ts'
import { randomBytes } from './ids.ts'
import type { Container } from './store.ts'

/** Of a terminal's session: what nobody has looked at yet. */
const LOG = { limit: 256 * 1024, slots: 2, consumed: false }
const KILLED = 128

const optionsFor = (id: string, process: Process) => ({ id, process, preserveFds: 0, cgroups: {}, ignorePaused: false })

/** Our id for an id of the container’s user namespace; undefined where it has none, or is ours. */
const hostId = (pid: number, uid: number): number | undefined => {
  // to whoever is in it the map speaks of the namespace above
  if (readlinkSync(`/proc/${pid}/ns/user`) === readlinkSync('/proc/self/ns/user')) return undefined
  for (const line of readFileSync(`/proc/${pid}/uid_map`, 'utf8').split('\n')) {
    const [inside, outside, length] = line.trim().split(/\s+/).map(Number)
    if (length !== undefined && uid >= inside! && uid < inside! + length) return uid - inside! + outside!
  }
  return undefined
}

/** So that the process can open its streams again by /dev/stdout, also as a user of a user namespace. */
const giveTo = (owner: number | undefined, pipes: readonly Pipe[]): void => {
  if (owner === undefined || owner === process.geteuid!()) return
  for (const { read } of pipes) fchownSync(read, owner, -1)
}

export interface Streams {
  /** A descriptor of ours that is to be its stdin; absent: nothing. */
  readonly stdin?: number
  readonly stdout: Output['take']
  readonly stderr: Output['take']
  /** Called once it is executed. */
  readonly started?: (pid: number) => void
}

const exitCode = (pid: number): number => {
  const word = Buffer.alloc(4)
  syscall('wait4', [pid, word, 0, 0])
  const status = word.readInt32LE()
  return wifexited(status) ? wexitstatus(status) : KILLED + wtermsig(status)
}

const said = (container: Container, command: readonly string[], home: Home): void =>
  emit(home, `exec_start: ${command.join(' ').slice(0, 256)}`, container.config)

/** Runs it as a child of this process; resolves to its exit status when all that it wrote has been taken. Throws SyscallError where it cannot be executed. */
export const execAttended = async (home: Home, container: Container, request: ExecRequest, streams: Streams): Promise<number> => {
  const { init } = engineRecord(home, container)
  const described = execProcess(home, container, request)
  const [stdout, stderr] = [makePipe(), makePipe()]
  const stdin = streams.stdin === undefined ? undefined : makePipe()
  giveTo(hostId(init.pid, described.user.uid), [stdout, stderr, ...(stdin === undefined ? [] : [stdin])])
  const theirs = [...(stdin === undefined ? [] : [stdin.read]), stdout.write, stderr.write]
  const ours = [...(stdin === undefined ? [] : [stdin.write]), stdout.read, stderr.read]
  let pid: number
  try {
    ;({ pid } = await exec(home.engine, optionsFor(container.id, described), childWith([stdin?.read, stdout.write, stderr.write])))
  } catch (error) {
    for (const fd of ours) closeSync(fd)
    throw error
  } finally {
    for (const fd of theirs) closeSync(fd)
  }
  said(container, request.command, home)
  const pidfd = syscall('pidfd_open', [pid, 0])
  try {
    streams.started?.(pid)
    await pumpStreams({
      outputs: [
        { fd: stdout.read, take: streams.stdout },
        { fd: stderr.read, take: streams.stderr },
      ],
      ...(stdin === undefined ? {} : { input: { from: streams.stdin!, to: stdin.write } }),
      pidfd,
    })
    const code = exitCode(pid)
    emit(home, 'exec_die', container.config, { exitCode: String(code) })
    return code
  } finally {
    closeSync(pidfd)
  }
}

/** Runs it and leaves: nobody sees its output or its end. */
export const execDetached = async (home: Home, container: Container, request: ExecRequest): Promise<void> => {
  await exec(home.engine, optionsFor(container.id, execProcess(home, container, request)), childWith([]))
  said(container, request.command, home)
}

export interface Session {
  readonly keeper: Keeper
  readonly folders: KeeperFolders
  /** After its end, by whoever has acknowledged that. */
  remove(): void
}

/** The folder of a session, which goes with the run of its container too. */
const sessionFolder = (home: Home, id: string, session: string): string => `${placesOf(home, id).run}/exec/${session}`

/** What the keeper runs at the end of a session that nobody attends. */
export const cleanUpSession = (home: Home, id: string, session: string): void => {
  if (/^[0-9a-f]{16}$/.test(session)) rmSync(sessionFolder(home, id, session), { recursive: true, force: true })
}

/**
 * Runs it on a terminal, kept by a keeper of its own: it goes on when this process leaves. `ready` is called before its process is
 * executed. Throws SyscallError where that fails; then nothing is left.
 */
export const execOnTerminal = async (
  home: Home,
  container: Container,
  request: ExecRequest,
  ready?: (session: Session) => Promise<void>,
): Promise<Session> => {
  const described = execProcess(home, container, request)
  const { id } = container
  const name = randomBytes(8).toString('hex')
  const folder = sessionFolder(home, id, name)
  const folders = { run: `${folder}/keeper`, spool: `${folder}/spool` }
  const remove = (): void => rmSync(folder, { recursive: true, force: true })
  for (const path of [folders.run, folders.spool]) mkdirSync(path, { recursive: true, mode: 0o700 })
  try {
    const { path, argv, env } = home.self(['container', 'exec-cleanup', id, name])
    const kept = { ...folders, log: LOG, durable: false, stdin: 'none', terminal: true, cleanup: { path, argv, env } } as const
    const keeper = await execKept(home.engine, optionsFor(id, described), kept, async (made) => ready?.({ keeper: made, folders, remove }))
    said(container, request.command, home)
    return { keeper, folders, remove }
  } catch (error) {
    remove()
    throw error
  }
}
