/** Starting a container that exists, or is being made: from its config to a process under a keeper. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { resolveUser } from '../../image/apply/user.ts'
import { makeWorkingFolder } from '../../image/apply/working-folder.ts'
import { createKept, type Kept } from '../../runtime/container/kept.ts'
import { start } from '../../runtime/container/start.ts'
import { logOptions } from '../../runtime/keeper/options.ts'
import { stringifyJson } from '../../runtime/spec/json.ts'
import { bootId } from './boot.ts'
import type { ContainerConfig, ContainerState } from './config.ts'
import { emit } from './events.ts'
import { type Home, keeperFolders, placesOf } from './home.ts'
import { minimalSpec } from './minimal-spec.ts'
import { openRoot } from './rootfs.ts'
import { removeRun, type RunRecord, writeRun } from './run-record.ts'
import { startRunTimer } from './self-timers.ts'
import { writeState } from './store.ts'
import { teardown } from './teardown.ts'
import { timeNow } from './times.ts'

export interface StartOptions {
  /** Of -i: `once` ends stdin when the first that attached to it leaves. With a terminal it does not count. */
  readonly stdin: 'open' | 'once'
  /** How many descriptors from 3 on the container inherits. */
  readonly preserveFds?: number
  /** Called when all is there but the process itself: who wants to see all of its output attaches now. */
  readonly ready?: (kept: Kept, config: ContainerConfig) => Promise<void>
}

export interface Started {
  readonly kept: Kept
  readonly state: ContainerState
}

/** Makes everything for a run up to its init, which waits. */
const prepare = async (home: Home, config: ContainerConfig, options: StartOptions): Promise<Kept> => {
  const { id, request, process } = config
  const { bundle, rootfs, keeper, spool } = placesOf(home, id)
  for (const folder of [bundle, rootfs, keeper]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  mkdirSync(spool, { recursive: true, mode: 0o700 })
  const root = await openRoot(home, config, undefined)
  try {
    const user = resolveUser(root.fd, process.user, { groups: request.groups })
    if (process.cwd !== '/') makeWorkingFolder(root.fd, process.cwd)
    const spec = minimalSpec(config, { user, rootfs: request.rootfs ?? rootfs })
    writeFileSync(`${bundle}/config.json`, stringifyJson(spec), { mode: 0o600 })
    const { path, argv, env } = home.self(['container', 'cleanup', id])
    return await createKept(
      home.engine,
      {
        id,
        bundle,
        noPivot: false,
        noNewKeyring: false,
        preserveFds: options.preserveFds ?? 0,
        ...(root.isMount ? { rootfs: root.fd } : {}),
      },
      {
        ...keeperFolders(home, id),
        log: logOptions(request.log.maxSize, request.log.maxFiles),
        durable: !request.autoRemove,
        stdin: request.tty || !request.interactive ? 'none' : options.stdin,
        terminal: request.tty,
        cleanup: { path, argv, env },
      },
    )
  } finally {
    root.close()
  }
}

/**
 * With the container's lock held, and the container in order (settle). Throws why it cannot be started, and then nothing of the
 * run is left; its state is as it was.
 */
export const startRun = async (home: Home, config: ContainerConfig, state: ContainerState, options: StartOptions): Promise<Started> => {
  const { id, request } = config
  let record: RunRecord = { version: 1, phase: 'starting', timers: [] }
  writeRun(home, id, record)
  let kept: Kept | undefined
  try {
    kept = await prepare(home, config, options)
    await options.ready?.(kept, config)
    if (request.timeout !== undefined) {
      record = { ...record, timers: [await startRunTimer(home, id, request.timeout * 1000, 'expire')] }
      writeRun(home, id, record)
    }
    await start(home.engine, id)
    const { restartAt: _, finished: __, exitCode: ___, oomKilled: ____, error: _____, ...rest } = state
    const started: ContainerState = { ...rest, phase: 'started', boot: bootId(), started: timeNow(), stoppedByUser: false }
    writeState(home, config, started)
    writeRun(home, id, { ...record, phase: 'running', init: kept.record.init! })
    emit(home, 'start', config)
    return { kept, state: started }
  } catch (error) {
    await teardown(home, id, record)
    await kept?.keeper.ended()
    kept?.keeper.acknowledge()
    removeRun(home, id)
    throw error
  }
}
