/** Other processes in a container that runs: attended by this process, or left to themselves. Those on a terminal: exec-terminal.ts. */
import { closeSync, fchownSync, readFileSync, readlinkSync } from 'node:fs'
import { exec } from '../../runtime/container/exec.ts'
import { childWith } from '../../runtime/container/launch.ts'
import type { Process } from '../../runtime/spec/types.ts'
import { makePipe, type Pipe } from '../../runtime/sys/pipe.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { wexitstatus, wifexited, wtermsig } from '../../runtime/sys/abi/wait.ts'
import { emit } from './events.ts'
import { engineRecord, execProcess, type ExecRequest } from './exec-process.ts'
import { type Output, pumpStreams } from './exec-pump.ts'
import type { Home } from './home.ts'
import type { Container } from './store.ts'

const KILLED = 128

export const optionsFor = (id: string, process: Process) => ({ id, process, preserveFds: 0, cgroups: {}, ignorePaused: false })

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

/** To be called when it is executed. */
export const emitStart = (container: Container, command: readonly string[], home: Home): void =>
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
  emitStart(container, request.command, home)
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
  emitStart(container, request.command, home)
}
