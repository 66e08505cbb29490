/** The end of a container: everything of it is taken away. Idempotent; whoever is killed at it is followed by the next who meets it. */
import { rmSync, statSync } from 'node:fs'
import { removeTree } from '../../image/store/remove-tree.ts'
import type { ContainerConfig } from './config.ts'
import { emit } from './events.ts'
import { type Home, leaseOwner, placesOf } from './home.ts'
import { dropReservation, releaseName } from './names.ts'
import { collectReleased, releasedWith } from './released.ts'
import { readRun } from './run-record.ts'
import { readState, writeState } from './store.ts'
import { teardown } from './teardown.ts'
import { removeAnonymous } from './volumes/remove.ts'

export interface DestroyOptions {
  /** Undefined where its creation was killed before that was written. */
  readonly config: ContainerConfig | undefined
  /** With the volumes that were made for it and have no name. */
  readonly volumes: boolean
  /** Its run has been taken apart already. */
  readonly apart?: boolean
}

/** With the container's lock held; the lock's file goes too, last. */
export const destroy = async (home: Home, id: string, { config, volumes, apart = false }: DestroyOptions): Promise<void> => {
  const { folder, run, state: stateFile } = placesOf(home, id)
  const state = readState(home, id)
  // one without a state is taken away with its volumes, by whoever meets it
  const keeps = !volumes && config !== undefined && config.anonymousVolumes.length > 0
  if (keeps && state !== undefined && state.phase !== 'removing') writeState(home, config, { ...state, phase: 'removing' })
  if (!apart) await teardown(home, id, readRun(home, id))
  if (volumes && config !== undefined) await removeAnonymous(home, config)
  rmSync(`${home.root}/leases/kept-${leaseOwner(id)}`, { force: true })
  if (config !== undefined) releaseName(home, config.name, id)
  dropReservation(home, id)
  // without it the container is no more; what follows is rubbish that anybody may take away
  rmSync(stateFile, { force: true })
  if (config !== undefined && state !== undefined) emit(home, 'destroy', config)
  const released = releasedWith(home, id)
  if (statSync(folder, { throwIfNoEntry: false }) !== undefined) await removeTree(folder)
  rmSync(run, { recursive: true, force: true })
  if (released !== undefined) await collectReleased(home, released)
}
