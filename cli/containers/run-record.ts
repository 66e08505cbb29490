/**
 * <runRoot>/containers/<id>/run.json: what one run of a container has on the machine besides what the engine and the networks have written
 * down themselves. It is written before anything is made, so whoever finds it without its writer knows what to undo. Dies with the boot.
 */
import { closeSync, rmSync } from 'node:fs'
import { isAlive } from '../../runtime/container/process-id.ts'
import type { ProcessId } from '../../runtime/container/types.ts'
import type { Freezer } from '../../runtime/cgroups/freezer.ts'
import type { PublishedPort } from '../../runtime/network/attachments.ts'
import { POLLFD, POLLIN } from '../../runtime/sys/abi/poll.ts'
import { signalProcess } from '../../runtime/container/kill.ts'
import { trySyscall } from '../../runtime/sys/syscall.ts'
import { readDocument, writeDocument } from './documents.ts'
import { type Home, placesOf } from './home.ts'

export interface RunRecord {
  readonly version: 1
  /** `starting`: undone if nobody has the lock. `waiting`: for its next start by the restart policy. */
  readonly phase: 'starting' | 'running' | 'waiting'
  /** Once it runs. */
  readonly init?: ProcessId
  /** Pid of its keeper, whose child init is. */
  readonly keeper?: number
  /** Where it is seen whether it is paused. */
  readonly freezer?: Freezer
  /** What is published by others than the networks, which write down what they publish themselves. */
  readonly ports?: readonly PublishedPort[]
  /** Holds published ports. */
  readonly relay?: ProcessId
  /** Of the restart policy, --timeout, health checks. */
  readonly timers: readonly ProcessId[]
}

export const readRun = (home: Pick<Home, 'root' | 'runRoot'>, id: string): RunRecord | undefined => {
  const { record, running } = placesOf(home, id)
  return readDocument<RunRecord>(running, 1) ?? readDocument<RunRecord>(record, 1)
}

/** Of a run that has begun there are two: to replace a file that was just written costs a wait for the disk, where there is one. */
export const writeRun = (home: Home, id: string, record: RunRecord): void => {
  const places = placesOf(home, id)
  writeDocument(record.phase === 'running' ? places.running : places.record, record, { durable: false })
}

export const removeRun = (home: Home, id: string): void => {
  const { record, running } = placesOf(home, id)
  rmSync(running, { force: true })
  rmSync(record, { force: true })
}

const SIGKILL = 9
/** Milliseconds that a killed process may take to end. */
const DYING = 5000

/** Waits for the end of a process that is no child of ours; pidfd_open(2). */
const awaitEnd = (process: ProcessId): void => {
  const fd = trySyscall('pidfd_open', process.pid, 0)
  if (fd < 0) return
  try {
    if (!isAlive(process)) return
    const poll = Buffer.alloc(POLLFD.size)
    poll.writeInt32LE(fd, POLLFD.fd)
    poll.writeInt16LE(POLLIN, POLLFD.events)
    const timeout = Buffer.alloc(16)
    timeout.writeBigInt64LE(BigInt(DYING / 1000), 0)
    trySyscall('ppoll', poll, 1, timeout, 0, 8)
  } finally {
    closeSync(fd)
  }
}

/** Ends helpers of ours: relays, whose ports are free when it returns, and timers. */
export const endProcesses = (processes: readonly (ProcessId | undefined)[]): void => {
  const killed = processes.filter((process) => process !== undefined && signalProcess(process, SIGKILL))
  for (const process of killed) awaitEnd(process!)
}
