/** First processes of the containers whose namespaces another one joins. */
import { isAlive } from '../../../runtime/container/process-id.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { Home } from '../home.ts'
import { shortId } from '../ids.ts'
import type { ContainerRequest } from '../request.ts'
import { readRun } from '../run-record.ts'
import { readContainer } from '../store.ts'

/** Throws `not-found`, `failed-precondition`. */
export const initOf = (home: Home, id: string, what: string): number => {
  const container = readContainer(home, id)
  if (container === undefined)
    throw new WherryError('not-found', `container ${shortId(id)}, whose ${what} namespace is wanted, does not exist any more`)
  const init = readRun(home, id)?.init
  if (init === undefined || !isAlive(init))
    throw new WherryError(
      'failed-precondition',
      `container ${container.config.name}, whose ${what} namespace is wanted, does not run: start it first (wherry start ${container.config.name})`,
    )
  return init.pid
}

/** By the ids of the containers. */
export const joinedInits = (home: Home, { network, pid, ipc, uts, userns }: ContainerRequest): ReadonlyMap<string, number> => {
  const found = new Map<string, number>()
  for (const [type, { mode, container }] of Object.entries({ network, pid, ipc, uts, user: userns }))
    if (mode === 'container' && container !== undefined) found.set(container, initOf(home, container, type))
  return found
}
