/** create, for callers of ours: init is the child of a keeper (docs/keeper.md), which has its output, waits for it and cleans up. */
import { closeSync, constants, existsSync, openSync } from 'node:fs'
import type { CgroupRecord } from '../cgroups/types.ts'
import { PAGE_WORDS } from '../init/sync.ts'
import type { Keeper } from '../keeper/keeper.ts'
import type { KeeperOptions } from '../keeper/options.ts'
import { loadKeeper, startKeeper } from '../keeper/start.ts'
import { link } from '../program/link.ts'
import { executableFile } from '../sys/spawn.ts'
import { create } from './create.ts'
import { deleteContainer } from './delete.ts'
import { exec } from './exec.ts'
import type { Starter } from './launch.ts'
import type { ContainerRecord, CreateOptions, Engine, ExecOptions } from './types.ts'

/** What a caller decides about the keeper; the rest follows from the container. */
export type KeptOptions = Pick<
  KeeperOptions,
  'run' | 'spool' | 'log' | 'durable' | 'stdin' | 'terminal' | 'cleanup' | 'drain' | 'acknowledge'
>

export interface Kept {
  readonly record: ContainerRecord
  /** `begun` has been awaited. */
  readonly keeper: Keeper
}

/** The file that counts processes ended by the OOM killer, cgroup-v2.rst "memory.events", cgroup-v1 memory.rst "OOM Control". */
const oomFile = ({ paths, layout }: CgroupRecord): string | undefined => {
  const file =
    layout === 'v2' ? `${paths['']}/memory.events` : paths['memory'] === undefined ? undefined : `${paths['memory']}/memory.oom_control`
  return file !== undefined && existsSync(file) ? file : undefined
}

/** The keeper is given the program in the place of our child, and what that would have got from 3 on. */
const starterOf = (kept: KeptOptions, started: (keeper: Keeper) => void): Starter => ({
  streams: kept.terminal ? [] : kept.stdin === 'none' ? [1, 2] : [0, 1, 2],
  terminal: kept.terminal,
  start: ({ program, name, descriptors, page, channel, folder, cgroup }) => {
    const image = link(program)
    const executable = executableFile(image.elf, folder)
    const events = oomFile(cgroup)
    const memoryEvents = events === undefined ? undefined : openSync(events, constants.O_RDONLY)
    try {
      started(
        startKeeper({
          ...kept,
          executable,
          argv: [name],
          env: [],
          descriptors: descriptors.placements.filter(({ to }) => to > 2).map(({ from }) => from),
          stage: { page, pidOffset: PAGE_WORDS.init },
          ...(memoryEvents === undefined ? {} : { memoryEvents }),
        }),
      )
      return { image, stage: 0, page }
    } finally {
      for (const fd of [executable, memoryEvents]) if (fd !== undefined) closeSync(fd)
      channel.handOver()
    }
  },
})

/**
 * As `create`; start, exec, kill and delete are those of any container. Nothing of this process need stay: the keeper can be
 * subscribed to later (keeper.ts). After a failure neither keeper nor container is left.
 */
export const createKept = async (engine: Engine, options: CreateOptions, kept: KeptOptions): Promise<Kept> => {
  let keeper: Keeper | undefined
  const starter = starterOf(kept, (started) => {
    keeper = started
  })
  let record: ContainerRecord
  await loadKeeper(kept.terminal)
  try {
    record = await create(engine, options, starter)
  } catch (error) {
    await keeper?.ended()
    keeper?.acknowledge()
    throw error
  }
  try {
    await keeper!.begun()
  } catch (error) {
    await deleteContainer(engine, options.id, { force: true })
    throw error
  }
  return { record, keeper: keeper! }
}

/**
 * exec, for callers of ours who may leave before the process ends: it is the child of a keeper of its own, whose run and spool folders are
 * its alone. `ready` is called when there is the keeper and nothing in its spool. After a failure no keeper is left.
 */
export const execKept = async (
  engine: Engine,
  options: ExecOptions,
  kept: KeptOptions,
  ready?: (keeper: Keeper) => Promise<void>,
): Promise<Keeper> => {
  let keeper: Keeper | undefined
  const starter = starterOf(kept, (started) => {
    keeper = started
  })
  await loadKeeper(kept.terminal)
  try {
    const begun = async (): Promise<void> => {
      await keeper!.begun()
      await ready?.(keeper!)
    }
    await exec(engine, { ...options, ready: begun }, starter)
    return keeper!
  } catch (error) {
    await keeper?.ended()
    keeper?.acknowledge()
    throw error
  }
}
