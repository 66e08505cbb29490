/** What a container is doing, in docker's words. */
import { isFrozen } from '../../runtime/cgroups/freezer.ts'
import { statusOf as engineStatus } from '../../runtime/container/state.ts'
import { Store } from '../../runtime/container/store.ts'
import { humanAgo, humanDuration } from '../support/human.ts'
import type { ContainerState } from './config.ts'
import type { Home } from './home.ts'
import type { RunRecord } from './run-record.ts'
import type { Container } from './store.ts'

export const STATUSES = ['created', 'running', 'paused', 'restarting', 'exited', 'removing', 'dead'] as const
export type Status = (typeof STATUSES)[number]

/** @param run what was found of its run, if it is known to go on */
const whileStarted = async (home: Home, id: string, run: RunRecord | undefined): Promise<Status> => {
  if (run?.freezer !== undefined) return isFrozen(run.freezer.dir, run.freezer.version) ? 'paused' : 'running'
  const store = new Store(home.engine.root)
  const record = store.tryRead(id)
  const status = record === undefined ? 'stopped' : await engineStatus(home.engine, store, record)
  // one that is being cleaned up has not exited yet: nobody knows with which status
  return status === 'paused' ? 'paused' : 'running'
}

/** Of a container in order (tidy.ts). */
export const statusOf = async (home: Home, { id, state }: Pick<Container, 'id' | 'state'>, run?: RunRecord): Promise<Status> => {
  switch (state.phase) {
    case 'created':
      return 'created'
    case 'removing':
      return 'removing'
    case 'exited':
      return state.restartAt === undefined ? 'exited' : 'restarting'
    case 'started':
      return whileStarted(home, id, run)
  }
}

/** It has processes. */
export const isUp = (status: Status): boolean => status === 'running' || status === 'paused'

const since = (time: string | undefined, now: Date): number => (time === undefined ? 0 : now.getTime() - Date.parse(time))

const healthWords = ({ health }: ContainerState): string => {
  if (health === undefined) return ''
  return health.status === 'starting' ? ' (health: starting)' : ` (${health.status})`
}

/** `Up 3 minutes (healthy)`, `Exited (0) 2 hours ago`. */
export const statusWords = (status: Status, state: ContainerState, now: Date): string => {
  switch (status) {
    case 'created':
      return 'Created'
    case 'removing':
      return 'Removal In Progress'
    case 'dead':
      return 'Dead'
    case 'running':
      return `Up ${humanDuration(since(state.started, now))}${healthWords(state)}`
    case 'paused':
      return `Up ${humanDuration(since(state.started, now))} (Paused)`
    case 'restarting':
      return `Restarting (${state.exitCode ?? 0}) ${humanAgo(new Date(state.finished ?? now), now)}`
    case 'exited':
      return `Exited (${state.exitCode ?? 0}) ${humanAgo(new Date(state.finished ?? now), now)}`
  }
}
