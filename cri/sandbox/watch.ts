/** The end of holders: noticed by their keepers' word, whoever has started them. */
import { isAlive } from '../../runtime/container/process-id.ts'
import { type Keeper, subscribe } from '../../runtime/keeper/keeper.ts'
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Sandbox } from '../state/types.ts'
import { sandboxPlaces } from './places.ts'

/** Milliseconds that the connections of a server which was killed may outlive its lock. */
const LEAVING = 2000

interface Watch {
  readonly sandboxes: Cri['sandboxes']
  readonly keeper: Keeper
  /** The keeper has put down what it has to, or is gone. */
  readonly gone: Promise<void>
  /** It is the next server's. */
  left: boolean
}

/** By sandbox: those whose keeper would tell. */
const watched = new Map<string, Watch>()

/** Without its holder a pod has no namespaces for further containers: what is left of it is for StopPodSandbox. */
const noteEnd = (cri: Cri, id: string): void => {
  const sandbox = cri.sandboxes.get(id)
  if (sandbox?.phase !== 'ready') return
  cri.sandboxes.note(id, { phase: 'stopped' })
  cri.log.warn('the holder of a pod sandbox has ended', { sandbox: id })
  cri.events.emit(ContainerEventType.CONTAINER_STOPPED_EVENT, id, id)
}

const hear = async (cri: Cri, id: string, keeper: Keeper, isLeft: () => boolean): Promise<void> => {
  try {
    const record = await keeper.ended(0)
    if (isLeft()) return
    if (record === undefined) keeper.detach()
    else keeper.acknowledge()
    const init = cri.sandboxes.get(id)?.init
    // a keeper that was killed has told nothing of its holder, which may go on
    if (record !== undefined || init === undefined || !isAlive(init)) noteEnd(cri, id)
  } catch (error) {
    cri.log.error('the keeper of a pod sandbox cannot be listened to', { sandbox: id, error })
  }
}

/** @param keeper `begun` or found by `subscribe` */
export const watchHolder = (cri: Cri, id: string, keeper: Keeper): void => {
  const watch: Watch = {
    sandboxes: cri.sandboxes,
    keeper,
    left: false,
    gone: hear(cri, id, keeper, () => watch.left).finally(() => {
      if (watched.get(id) === watch) watched.delete(id)
    }),
  }
  watched.set(id, watch)
}

/** Resolves when the keeper has put down what it has to. To be called when the holder has been ended. */
export const keeperEnded = (id: string): Promise<void> => watched.get(id)?.gone ?? Promise.resolve()

/** At the end of a server: leaves the keepers to the next one. */
export const leaveHolders = ({ sandboxes }: Pick<Cri, 'sandboxes'>): void => {
  for (const [id, watch] of [...watched]) {
    if (watch.sandboxes !== sandboxes) continue
    watch.left = true
    watched.delete(id)
    watch.keeper.detach()
  }
}

/** Of a sandbox that an earlier server has made: ready it stays only where its holder runs. */
export const watchAgain = async (cri: Cri, { id, init }: Sandbox): Promise<void> => {
  const { keeper, spool } = sandboxPlaces(cri, id)
  const found = await subscribe({ run: keeper, spool }, LEAVING)
  if (found !== undefined) watchHolder(cri, id, found)
  else if (init === undefined || !isAlive(init)) noteEnd(cri, id)
}

/** Where no keeper would tell, the process itself is looked at. */
export const isReady = (cri: Cri, { id, phase, init }: Sandbox): boolean => {
  if (phase !== 'ready') return false
  if (watched.has(id) || (init !== undefined && isAlive(init))) return true
  noteEnd(cri, id)
  return false
}
