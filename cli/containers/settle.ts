/**
 * Bringing a container into order: whatever a killed process has left half done is adopted or undone, and what has ended is cleaned up. Any
 * command that meets a container does it first; who runs a container in the foreground does it at its end, else the keeper starts
 * `container cleanup`. Idempotent; all of it with the container's lock held.
 */
import { rmSync } from 'node:fs'
import type { ExitRecord } from '../../runtime/keeper/exit.ts'
import { bootId } from '../../runtime/boot.ts'
import type { ContainerState } from './config.ts'
import { destroy } from './destroy.ts'
import { emit } from './events.ts'
import { type Home, placesOf } from './home.ts'
import { progressOf } from './liveness.ts'
import { restartDelay } from './restart-policy.ts'
import { readRun, removeRun, type RunRecord, writeRun } from './run-record.ts'
import { startPolicyTimer } from './self-timers.ts'
import { type Container, readConfig, readState, writeState } from './store.ts'
import { teardown } from './teardown.ts'
import { formatTime, nanosecondsNow, timeNow } from './times.ts'

/** The exit status of what nobody saw end: ended by us, or with the machine. */
const KILLED = 137
const UNKNOWN = 255

const endedState = (state: ContainerState, outcome: ExitRecord | undefined): ContainerState => {
  const { restartAt: _, error: __, ...rest } = state
  const thisBoot = state.boot === bootId()
  return {
    ...rest,
    phase: 'exited',
    finished: outcome === undefined ? timeNow() : formatTime(outcome.ended),
    exitCode: outcome?.exitCode ?? (thisBoot ? KILLED : UNKNOWN),
    oomKilled: (outcome?.oomKills ?? 0) > 0,
    ...(outcome !== undefined ? {} : { error: thisBoot ? 'its keeper was killed' : 'the machine was restarted while it ran' }),
  }
}

/** Puts the next start by the policy on the way, where there is to be one. With the lock held. */
export const planRestart = (home: Home, container: Container): Container => {
  const { id, config, state } = container
  const delay = restartDelay(config, state)
  if (delay === undefined) return container
  const waiting: ContainerState = { ...state, backoff: delay, restartAt: formatTime(nanosecondsNow() + BigInt(delay) * 1_000_000n) }
  writeRun(home, id, { version: 1, phase: 'waiting', timers: [] })
  writeState(home, config, waiting)
  writeRun(home, id, { version: 1, phase: 'waiting', timers: [startPolicyTimer(home, id, delay)] })
  return { ...container, state: waiting }
}

/** Cleans up behind a run that is over. Undefined: the container went with it. */
const finish = async (
  home: Home,
  container: Container,
  record: RunRecord | undefined,
  outcome: ExitRecord | undefined,
): Promise<Container | undefined> => {
  const { id, config } = container
  await teardown(home, container.id, record)
  const state = endedState(container.state, outcome)
  const said = { exitCode: String(state.exitCode) }
  if (state.oomKilled === true) emit(home, 'oom', config)
  emit(home, 'die', config, said)
  if (config.request.autoRemove) {
    await destroy(home, id, { config, volumes: true, apart: true })
    return undefined
  }
  writeState(home, config, state)
  removeRun(home, id)
  // after a start of the machine it is `start --boot` that brings back what should be up
  return state.boot === bootId() ? planRestart(home, { id, config, state }) : { id, config, state }
}

/** A waiting container whose timer went with its machine, or with a killed process, is simply one that has exited. */
const forgetRestart = (home: Home, container: Container): Container => {
  const { restartAt: _, ...state } = container.state
  writeState(home, container.config, state)
  return { ...container, state }
}

/**
 * What the container is when it is in order; undefined where it does not exist, or no more. A failed start by the policy is
 * planned again.
 */
export const settle = async (home: Home, id: string): Promise<Container | undefined> => {
  const state = readState(home, id)
  const config = readConfig(home, id)
  if (state === undefined || config === undefined || state.phase === 'removing') {
    await destroy(home, id, { config, volumes: config?.request.autoRemove === true || state === undefined })
    return undefined
  }
  const container = { id, config, state }
  const record = readRun(home, id)
  if (record?.phase === 'starting') {
    await teardown(home, id, record)
    removeRun(home, id)
    return state.phase === 'started' ? finish(home, container, record, undefined) : container
  }
  if (state.phase === 'started') {
    const progress = record === undefined ? ({ kind: 'ended', outcome: undefined } as const) : progressOf(home, id)
    return progress.kind === 'runs' ? container : finish(home, container, record, progress.outcome)
  }
  if (record?.phase === 'running') {
    // killed between the start and its being written down
    await teardown(home, id, record)
    removeRun(home, id)
  }
  return state.restartAt !== undefined && record?.phase !== 'waiting' ? forgetRestart(home, container) : container
}

/** A folder of this boot whose container does not exist. */
export const removeRunFolder = (home: Home, id: string): void => rmSync(placesOf(home, id).run, { recursive: true, force: true })
