/**
 * Health checks without a daemon: a timer runs `container health` when the next one is due, which makes the check, writes down what came of it and
 * starts the next timer. The timer ends with the container’s init. What the last checks were is of this boot; the status is the state’s.
 */
import { isAlive } from '../../runtime/container/process-id.ts'
import { describe } from '../support/describe.ts'
import type { ContainerConfig, ContainerState, HealthState, ResolvedHealth } from './config.ts'
import { readDocument, writeDocument } from './documents.ts'
import { emit } from './events.ts'
import { execAttended } from './exec.ts'
import { type Home, placesOf } from './home.ts'
import { isKnown, locked } from './lock.ts'
import { readRun } from './run-record.ts'
import { startRunTimer } from './self-timers.ts'
import { settle } from './settle.ts'
import { statusOf } from './status.ts'
import { type Container, writeState } from './store.ts'
import { parseTime, timeNow } from './times.ts'

/** docker’s bounds: results that are kept, bytes of output of each. */
const RESULTS = 5
const MOST_OUTPUT = 4096
/** The exit status of a check that took too long, or could not be made; docker’s. */
const NO_STATUS = -1

type Result = HealthState['log'][number]

/** <runRoot>/containers/<id>/health.json: of one run, told by its start. */
interface HealthRecord extends HealthState {
  readonly version: 1
  readonly started: string
}

export const STARTING: HealthState = { status: 'starting', failures: 0, log: [] }

const recordPath = (home: Pick<Home, 'root' | 'runRoot'>, id: string): string => `${placesOf(home, id).run}/health.json`

/** With the last results, which the state does not have; undefined for a container without checks, or that has never run. */
export const readHealth = (
  home: Pick<Home, 'root' | 'runRoot'>,
  { id, state }: Pick<Container, 'id' | 'state'>,
): HealthState | undefined => {
  if (state.health === undefined) return undefined
  const record = readDocument<HealthRecord>(recordPath(home, id), 1)
  if (record === undefined || record.started !== state.started) return state.health
  const { status, failures, log } = record
  return { status, failures, log }
}

const inStartPeriod = (health: ResolvedHealth, { started }: ContainerState, at: string): boolean =>
  started !== undefined && parseTime(at) - parseTime(started) < health.startPeriod

/** Milliseconds until the next check. */
const delayOf = (health: ResolvedHealth, container: Pick<Container, 'state'>, status: HealthState['status']): number =>
  status === 'starting' && inStartPeriod(health, container.state, timeNow()) ? health.startInterval : health.interval

/** After one more result; failures while it starts up do not count. */
export const judge = (health: ResolvedHealth, state: ContainerState, before: HealthState, result: Result): HealthState => {
  const log = [...before.log, result].slice(-RESULTS)
  if (result.exitCode === 0) return { status: 'healthy', failures: 0, log }
  if (before.status === 'starting' && inStartPeriod(health, state, result.start)) return { ...before, log }
  const failures = before.failures + 1
  return { status: failures >= health.retries ? 'unhealthy' : before.status, failures, log }
}

/** What a check wrote, as far as it is kept. */
class Excerpt {
  readonly #chunks: Uint8Array[] = []
  #left = MOST_OUTPUT

  readonly take = (bytes: Uint8Array): void => {
    if (this.#left <= 0) return
    const part = bytes.subarray(0, this.#left)
    this.#left -= part.length
    this.#chunks.push(Buffer.from(part))
  }

  toString(): string {
    return Buffer.concat(this.#chunks).toString('utf8')
  }
}

/** The process, which leads a session of its own, and those that it has started in it. */
const end = (pid: number): void => {
  for (const target of [-pid, pid]) {
    try {
      process.kill(target, 'SIGKILL')
      return
    } catch (error) {
      if (!(error instanceof Error) || !('code' in error) || error.code !== 'ESRCH') throw error
    }
  }
}

/** Runs the check; whatever comes of it is a result. */
const check = async (home: Home, container: Container, health: ResolvedHealth): Promise<Result> => {
  const start = timeNow()
  const output = new Excerpt()
  let timer: NodeJS.Timeout | undefined
  let late = false
  const started = (pid: number): void => {
    timer = setTimeout(() => {
      late = true
      end(pid)
    }, health.timeout)
  }
  let exitCode: number
  let text: string
  try {
    const request = { command: health.command, tty: false, env: [], privileged: false }
    exitCode = await execAttended(home, container, request, { stdout: output.take, stderr: output.take, started })
    text = late ? `Health check exceeded timeout (${health.timeout / 1000}s)` : String(output)
    if (late) exitCode = NO_STATUS
  } catch (error) {
    exitCode = NO_STATUS
    text = describe(error).slice(0, MOST_OUTPUT)
  } finally {
    clearTimeout(timer)
  }
  return { start, end: timeNow(), exitCode, output: text }
}

/** To be called when the container has been started and that is written down, with its lock held. */
export const startHealth = async (home: Home, { id, process: { health } }: ContainerConfig, state: ContainerState): Promise<void> => {
  if (health === undefined) return
  await startRunTimer(home, id, delayOf(health, { state }, 'starting'), 'health')
}

/** Writes down what came of a check, unless it was of a run that is over. Undefined then. */
const record = (home: Home, container: Container, health: ResolvedHealth, result: Result): Promise<HealthState | undefined> =>
  locked(home, container.id, async () => {
    const now = await settle(home, container.id)
    if (now === undefined || now.state.phase !== 'started' || now.state.started !== container.state.started) return undefined
    const before = readHealth(home, now) ?? STARTING
    const after = judge(health, now.state, before, result)
    const written: HealthRecord = { version: 1, started: now.state.started!, ...after }
    writeDocument(recordPath(home, now.id), written, { durable: false })
    if (after.status !== before.status) {
      // the results of the last checks would make this a write at each of them, to a disk that has to be waited for
      writeState(home, now.config, { ...now.state, health: { ...after, log: [] } })
      emit(home, `health_status: ${after.status}`, now.config)
    }
    return after
  })

/** A check is due: makes it and sees to the next one. Nothing where the container does not run any more. */
export const healthDue = async (home: Home, id: string): Promise<void> => {
  if (!isKnown(home, id)) return
  const container = await locked(home, id, () => settle(home, id))
  const health = container?.config.process.health
  const init = readRun(home, id)?.init
  if (container === undefined || health === undefined || container.state.phase !== 'started' || init === undefined || !isAlive(init)) return
  let status = container.state.health?.status ?? 'starting'
  if ((await statusOf(home, container)) === 'running') {
    const after = await record(home, container, health, await check(home, container, health))
    if (after === undefined) return
    status = after.status
  }
  if (isAlive(init)) await startRunTimer(home, id, delayOf(health, container, status), 'health')
}
