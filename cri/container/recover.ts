/**
 * The start of a server over containers that an earlier one left, which may have been killed at any moment, or with the machine: what runs is
 * watched again, what has ended meanwhile is written down, what was half made or half removed goes.
 */
import { bootId } from '../../runtime/boot.ts'
import { openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { recover as recoverEngine } from '../../runtime/container/recover.ts'
import { isStarted } from '../../runtime/container/state.ts'
import { Store } from '../../runtime/container/store.ts'
import { subscribe } from '../../runtime/keeper/keeper.ts'
import { readOutcome } from '../../runtime/keeper/wait.ts'
import { removeTree } from '../../runtime/rootfs/remove.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'
import { readExecs, removeExec } from './exec/journal.ts'
import { killTree } from './exec/tree.ts'
import { keeperFolders, placesOf } from './places.ts'
import { removeContainer, removeTraces } from './remove.ts'

/** Milliseconds that the connections of a server which was killed may outlive its lock. */
const LEAVING = 2000

/** Nobody waits for them any more. */
const endExecs = async ({ containers, engine }: Cri, id: string): Promise<void> => {
  const folder = placesOf(containers, id).exec
  const execs = readExecs(folder)
  if (execs.length === 0) return
  const kept = new Store(engine.root).tryRead(id)
  const cgroup = kept === undefined ? undefined : await openCgroup(kept.cgroup, engine.warn)
  for (const process of execs) {
    killTree(process, () => cgroup?.processes() ?? [])
    removeExec(folder, process)
  }
}

/** It was let go, but nobody wrote that down. */
const noteStart = ({ containers, engine }: Cri, { id, phase }: Container): void => {
  if (phase === 'created' && isStarted(new Store(engine.root), id)) containers.note(id, { phase: 'running', started: realtime() })
}

const adopt = async (cri: Cri, container: Container): Promise<void> => {
  const { id, startError } = container
  if (startError !== undefined) return
  const folders = keeperFolders(cri.containers, id)
  noteStart(cri, container)
  const keeper = await subscribe(folders, LEAVING)
  const { phase } = cri.containers.find(id)
  if (phase === 'running') cri.logs.follow(cri.containers.find(id))
  if (keeper === undefined) {
    await cri.exits.settle(id, readOutcome(folders), 'its keeper was killed')
    return
  }
  cri.exits.watch(id, keeper)
  await endExecs(cri, id)
}

const recoverContainer = async (cri: Cri, container: Container): Promise<void> => {
  const { id, phase, boot } = container
  if (phase === 'making' || phase === 'removing') {
    await removeContainer(cri, id)
    return
  }
  if (phase === 'exited') {
    // what a server that was killed had not written of its log
    if (container.started !== undefined) cri.logs.follow(container)
    return
  }
  if (boot === bootId()) {
    await adopt(cri, container)
    return
  }
  if (phase === 'running') cri.logs.follow(container)
  await cri.exits.settle(id, readOutcome(keeperFolders(cri.containers, id)), 'the machine was restarted while it was there')
}

/** Only its folder was left to remove, or a power cut came. */
const removeTorn = async (cri: Cri, id: string): Promise<void> => {
  await deleteContainer(cri.engine, id, { force: true })
  await removeTraces(cri, id, undefined)
  await removeTree(cri.containers.run(id))
  await removeTree(cri.containers.folder(id))
}

/** One that cannot be put in order does not keep the server from its start. @param torn ids of folders without a record */
export const recoverContainers = async (cri: Cri, torn: readonly string[]): Promise<void> => {
  await recoverEngine(cri.engine)
  const attempt = async (id: string, work: () => Promise<void>): Promise<void> => {
    try {
      await work()
    } catch (error) {
      cri.log.error('a container that an earlier server left cannot be put in order', { container: id, error })
    }
  }
  await Promise.all([
    ...torn.map((id) => attempt(id, () => removeTorn(cri, id))),
    ...cri.containers.list().map((container) => attempt(container.id, () => recoverContainer(cri, container))),
  ])
}
