/** The ends of containers: told by their keepers, cleaned up behind, written down, told on. */
import { openCgroup } from '../../runtime/cgroups/cgroup.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { Store } from '../../runtime/container/store.ts'
import type { ExitRecord } from '../../runtime/keeper/exit.ts'
import type { Keeper } from '../../runtime/keeper/keeper.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { ContainerEventType } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Container } from '../state/types.ts'

/** ContainerStatus.reason, as kubelet and people know them. */
export const REASON = {
  completed: 'Completed',
  error: 'Error',
  oomKilled: 'OOMKilled',
  startError: 'StartError',
  unknown: 'ContainerStatusUnknown',
} as const

/** Of what nobody has seen end. */
export const UNKNOWN_CODE = 255

/** Milliseconds that an exit waits for the last of the log: on a full disk it would for ever. */
const LAST_LINES = 5000

export interface Exits {
  /** From now on the end of the container is noticed. @param keeper begun, or subscribed to */
  watch(id: string, keeper: Keeper): void
  /** Resolves when the container is written down as ended, or is no more. Rejects with the signal's reason. */
  ended(id: string, signal?: AbortSignal): Promise<void>
  /** Resolves when its keeper has told of the end, or is gone; at once where there is none. */
  keeperEnded(id: string): Promise<void>
  /** Cleans up behind a container that has ended, and writes that down. Undefined: nobody has seen how. */
  settle(id: string, outcome: ExitRecord | undefined, why?: string): Promise<void>
  /** Leaves the keepers to the next server. */
  close(): void
}

type Outcome = Pick<Container, 'exitCode' | 'reason' | 'finished' | 'message'>

/** A process of it was ended by the OOM killer: whoever ends with a failure after that has ended by it. */
const outcomeOf = (record: ExitRecord | undefined, oomKills: number, why: string | undefined): Outcome => {
  if (record === undefined)
    return { exitCode: UNKNOWN_CODE, reason: REASON.unknown, finished: realtime(), ...(why === undefined ? {} : { message: why }) }
  const { exitCode, ended } = record
  const reason = exitCode === 0 ? REASON.completed : oomKills > 0 ? REASON.oomKilled : REASON.error
  return { exitCode, reason, finished: ended }
}

/** As the keeper has read it just after the end, or as the kernel says it now. */
const oomKillsOf = async ({ engine }: Cri, id: string, record: ExitRecord | undefined): Promise<number> => {
  if (record?.oomKills !== undefined && record.oomKills > 0) return record.oomKills
  const kept = new Store(engine.root).tryRead(id)
  if (kept === undefined) return record?.oomKills ?? 0
  const cgroup = await openCgroup(kept.cgroup, engine.warn)
  return cgroup.exists() ? Math.max(cgroup.oomKills(), record?.oomKills ?? 0) : (record?.oomKills ?? 0)
}

/** What else runs of it, in a pid namespace that it shares, ends with it. Returns how often the OOM killer came. */
const cleanUp = async (cri: Cri, id: string, record: ExitRecord | undefined): Promise<number> => {
  try {
    const oomKills = await oomKillsOf(cri, id, record)
    await deleteContainer(cri.engine, id, { force: true })
    return oomKills
  } catch (error) {
    // it has ended all the same; its removal tries again
    cri.log.warn('what a container that has ended has left cannot be cleaned up yet', { container: id, error })
    return record?.oomKills ?? 0
  }
}

const drain = async ({ logs, log }: Cri, { id, logPath }: Container): Promise<void> => {
  if (logPath === undefined) return
  try {
    await logs.drained(id, AbortSignal.timeout(LAST_LINES))
  } catch (error) {
    log.warn('the last of a container’s log has not been written yet', { container: id, error })
  }
}

export const openExits = (cri: () => Cri): Exits => {
  const keepers = new Map<string, { readonly keeper: Keeper; readonly gone: Promise<void> }>()
  let closed = false
  const waiting = new Map<string, Set<() => void>>()
  const tell = (id: string): void => {
    for (const resolve of waiting.get(id) ?? []) resolve()
    waiting.delete(id)
  }
  const isOver = (id: string): boolean => {
    const phase = cri().containers.get(id)?.phase
    return phase === undefined || phase === 'exited'
  }
  const settle = async (id: string, record: ExitRecord | undefined, why?: string): Promise<void> => {
    const { containers, events } = cri()
    await containers.locked(id, async () => {
      const container = containers.get(id)
      if (container === undefined || (container.phase !== 'created' && container.phase !== 'running')) return
      const oomKills = await cleanUp(cri(), id, record)
      await drain(cri(), container)
      containers.note(id, { phase: 'exited', init: undefined, ...outcomeOf(record, oomKills, why) })
      events.emit(ContainerEventType.CONTAINER_STOPPED_EVENT, id, container.sandbox)
    })
    tell(id)
  }
  return {
    settle,
    watch(id, keeper) {
      const ended = keeper.ended(0)
      const gone = ended.then(
        () => {},
        () => {},
      )
      keepers.set(id, { keeper, gone })
      ended
        .then((record) => {
          if (closed) return undefined
          if (record === undefined) keeper.detach()
          else keeper.acknowledge()
          return settle(id, record, 'its keeper was killed')
        })
        .catch((error: unknown) => cri().log.error('the end of a container cannot be looked after', { container: id, error }))
        .finally(() => {
          keepers.delete(id)
          tell(id)
        })
    },
    ended: async (id, signal) => {
      signal?.throwIfAborted()
      if (isOver(id)) return
      await new Promise<void>((resolve, reject) => {
        const own = waiting.get(id) ?? new Set()
        waiting.set(id, own)
        const leave = (): void => {
          own.delete(done)
          reject(signal!.reason)
        }
        const done = (): void => {
          signal?.removeEventListener('abort', leave)
          resolve()
        }
        own.add(done)
        signal?.addEventListener('abort', leave, { once: true })
      })
    },
    keeperEnded: (id) => keepers.get(id)?.gone ?? Promise.resolve(),
    close() {
      closed = true
      for (const { keeper } of keepers.values()) keeper.detach()
    },
  }
}
