/**
 * Other processes in a container that runs, for ExecSync and for streaming: children of this server, which holds their pipes or the master of
 * their terminal. They do not outlive what waits for them: the next server ends those of one that was killed.
 */
import { closeSync, fchownSync } from 'node:fs'
import { Socket } from 'node:net'
import type { Writable } from 'node:stream'
import { ReadStream } from 'node:tty'
import { openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { exec as engineExec } from '../../runtime/container/exec.ts'
import { childOnTerminal, childWith } from '../../runtime/container/launch.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import { WherryError } from '../../runtime/errors.ts'
import { resize, type WindowSize } from '../../runtime/keeper/attach.ts'
import { pipeInput, TerminalInput } from '../../runtime/keeper/input.ts'
import type { LinuxIDMapping, Process, Spec } from '../../runtime/spec/types.ts'
import { F_DUPFD_CLOEXEC, F_SETFL, O_NONBLOCK } from '../../runtime/sys/abi/fcntl.ts'
import { wexitstatus, wifexited, wtermsig } from '../../runtime/sys/abi/wait.ts'
import { awaitChild } from '../../runtime/sys/children.ts'
import { makePipe, type Pipe } from '../../runtime/sys/pipe.ts'
import { receiveFds } from '../../runtime/sys/scm.ts'
import { syscall } from '../../runtime/sys/syscall.ts'
import { socketpair } from '../../runtime/sys/unix.ts'
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'
import { removeExec, writeExec } from './exec/journal.ts'
import { ExecOutput } from './exec/output.ts'
import { execProcess } from './exec/process.ts'
import { killTree } from './exec/tree.ts'
import { placesOf } from './places.ts'

export interface ExecRequest {
  readonly command: readonly string[]
  /** On a terminal: there is no stderr then, and input and output are the terminal’s. */
  readonly tty: boolean
  /** Without: it reads the end of the file. */
  readonly stdin: boolean
  /** Size that the terminal begins with. */
  readonly size?: WindowSize
}

export interface ExecSession {
  /** As this server sees it. */
  readonly process: ProcessId
  /** Where it was asked for. Ending it closes the process’s stdin; ending a terminal’s does nothing to the process. Errors (EPIPE) are its own. */
  readonly stdin: Writable | undefined
  readonly stdout: ExecOutput
  /** Undefined with a terminal. */
  readonly stderr: ExecOutput | undefined
  /** Resolves when it has ended, to its exit status, or 128 and the signal’s number. What it has written is in the streams then, which end. */
  readonly exited: Promise<number>
  /** Nothing without a terminal, or after its end. */
  resize(size: WindowSize): void
  /** Leaves its terminal: those on it get SIGHUP, and what they write is lost. Nothing without a terminal. Idempotent. */
  hangUp(): void
  /** Ends it and all that came of it; `exited` tells when. Idempotent. */
  kill(): Promise<void>
}

/** Milliseconds that a terminal may take to pass on what was written to it last. */
const LAST_WORDS = 100

type Engine = Pick<Cri, 'engine' | 'containers' | 'sandboxes'>

const statusOf = (word: number): number => (wifexited(word) ? wexitstatus(word) : 128 + wtermsig(word))

const hostId = (id: number, mappings: readonly LinuxIDMapping[]): number | undefined => {
  const range = mappings.find(({ containerID, size }) => id >= containerID && id < containerID + size)
  return range === undefined ? undefined : id - range.containerID + range.hostID
}

/** So that it can open its streams again by /dev/stdout, also as a user of a user namespace. */
const giveTo = ({ sandboxes }: Engine, container: Container, { user }: Process, pipes: readonly Pipe[]): void => {
  const mappings = sandboxes.get(container.sandbox)?.mappings
  const owner = mappings === undefined ? user.uid : hostId(user.uid, mappings.uid)
  if (owner === undefined || owner === 0) return
  for (const { read } of pipes) fchownSync(read, owner, -1)
}

interface Streams {
  readonly stdin: Writable | undefined
  readonly stdout: ExecOutput
  readonly stderr: ExecOutput | undefined
  readonly master?: number
}

const pipeOutput = ({ read }: Pipe): ExecOutput => new ExecOutput(read, new Socket({ fd: read, readable: true, writable: false }))

/** What is to be executed, and who is told of it before. */
interface Execution {
  readonly process: Process
  readonly spec: Spec
  readonly stdin: boolean
  readonly ready: (pid: number) => void
}

const optionsFor = (id: string, { process, spec, ready }: Execution) => ({
  id,
  process,
  spec,
  preserveFds: 0,
  cgroups: {},
  ignorePaused: false,
  ready,
})

const onPipes = async (
  cri: Engine,
  container: Container,
  execution: Execution,
): Promise<{ readonly pid: number; readonly streams: Streams }> => {
  const { process, stdin } = execution
  const [stdout, stderr, input] = [makePipe(), makePipe(), stdin ? makePipe() : undefined]
  const ours = [stdout.read, stderr.read, ...(input === undefined ? [] : [input.write])]
  let pid: number
  try {
    giveTo(cri, container, process, [stdout, stderr, ...(input === undefined ? [] : [input])])
    const starter = childWith([input?.read, stdout.write, stderr.write])
    ;({ pid } = await engineExec(cri.engine, optionsFor(container.id, execution), starter))
  } catch (error) {
    for (const fd of ours) closeSync(fd)
    throw error
  } finally {
    for (const fd of [stdout.write, stderr.write, ...(input === undefined ? [] : [input.read])]) closeSync(fd)
  }
  const streams = {
    stdin: input === undefined ? undefined : pipeInput(input.write),
    stdout: pipeOutput(stdout),
    stderr: pipeOutput(stderr),
  }
  return { pid, streams }
}

const onTerminal = async (
  cri: Engine,
  container: Container,
  execution: Execution,
): Promise<{ readonly pid: number; readonly streams: Streams }> => {
  const [ours, theirs] = socketpair()
  try {
    const { pid } = await engineExec(cri.engine, optionsFor(container.id, execution), childOnTerminal(theirs))
    const [master] = receiveFds(ours, { maxFds: 1, timeout: 1000 }).fds
    if (master === undefined) throw new WherryError('internal', 'the process has given no terminal')
    syscall('fcntl', [master, F_SETFL, O_NONBLOCK])
    const copy = (): number => syscall('fcntl', [master, F_DUPFD_CLOEXEC, 3])
    const reading = copy()
    const streams = {
      stdin: execution.stdin ? new TerminalInput(copy()) : undefined,
      stdout: new ExecOutput(reading, new ReadStream(reading)),
      stderr: undefined,
      master,
    }
    return { pid, streams }
  } finally {
    closeSync(ours)
    closeSync(theirs)
  }
}

/** Resolves when the output is over: that of a terminal comes a moment after its writers have gone. */
const finish = async ({ stdout, stderr, master }: Streams): Promise<void> => {
  if (master !== undefined && !stdout.over) {
    let timer: NodeJS.Timeout | undefined
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, LAST_WORDS)
      stdout.whenOver(resolve)
    })
    clearTimeout(timer)
  }
  stdout.finish()
  stderr?.finish()
}

/**
 * Starts it, and resolves once it is executed. Throws `failed-precondition` for a container that does not run, `invalid-argument`, or SyscallError
 * where it cannot be executed; then nothing is left.
 */
export const startExec = async (cri: Engine, container: Container, { command, tty, stdin, size }: ExecRequest): Promise<ExecSession> => {
  const described = execProcess(cri.engine, container, command, tty)
  const process: Process =
    tty && size !== undefined ? { ...described.process, consoleSize: { width: size.columns, height: size.rows } } : described.process
  const folder = placesOf(cri.containers, container.id).exec
  let written: ProcessId | undefined
  const ready = (pid: number): void => {
    written = writeExec(folder, pid)
  }
  let started: Awaited<ReturnType<typeof onPipes>>
  try {
    started = await (tty ? onTerminal : onPipes)(cri, container, { process, spec: described.spec, stdin, ready })
  } catch (error) {
    if (written !== undefined) {
      // it may have been executed, and its terminal have been lost
      if (killTree(written, () => [])) await awaitChild(written.pid)
      removeExec(folder, written)
    }
    throw error
  }
  const { pid, streams } = started
  const leader = written!
  let over = false
  let { master } = streams
  const closeMaster = (): void => {
    if (master !== undefined) closeSync(master)
    master = undefined
  }
  const exited = (async () => {
    const status = statusOf(await awaitChild(pid))
    over = true
    removeExec(folder, leader)
    await finish(streams)
    streams.stdin?.destroy()
    closeMaster()
    return status
  })()
  return {
    process: leader,
    stdin: streams.stdin,
    stdout: streams.stdout,
    stderr: streams.stderr,
    exited,
    resize: (wanted) => {
      if (master !== undefined && !over) resize(master, wanted)
    },
    hangUp: () => {
      if (master === undefined) return
      streams.stdin?.destroy()
      streams.stdout.destroy()
      closeMaster()
    },
    kill: async () => {
      if (over) return
      const cgroup = await openCgroup(described.cgroup, cri.engine.warn)
      if (!over) killTree(leader, () => cgroup.processes())
    },
  }
}
