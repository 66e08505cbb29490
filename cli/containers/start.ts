/** Starting a container that exists, or is being made: from its config to a process under a keeper. */
import { chmodSync, mkdirSync } from 'node:fs'
import { freezerOf } from '../../runtime/cgroups/freezer.ts'
import { createKept, type Kept } from '../../runtime/container/kept.ts'
import { parentOf } from '../../runtime/container/process-id.ts'
import { start } from '../../runtime/container/start.ts'
import { WherryError } from '../../runtime/errors.ts'
import { logOptions } from '../../runtime/keeper/options.ts'
import { bootId } from '../../runtime/boot.ts'
import type { ContainerConfig, ContainerImage, ContainerState } from './config.ts'
import { emit } from './events.ts'
import { type Home, keeperFolders, placesOf } from './home.ts'
import { hostNameOf } from './network/files.ts'
import { prepareNetwork, type RunNetwork } from './network/run.ts'
import { lowersOf } from './rootfs.ts'
import { removeRun, type RunRecord, writeRun } from './run-record.ts'
import { startRunTimer } from './self-timers.ts'
import { type Prepared, prepareRun } from './spec/prepare.ts'
import { writeState } from './store.ts'
import { teardown } from './teardown.ts'
import { timeNow } from './times.ts'
import { openVolumes } from './volumes/open.ts'

/** --log-driver none: who is attached reads what passes through it, and nobody else. */
const UNREAD = logOptions(64 * 1024, 2)

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

const mountedImage = ({ mountedImages }: ContainerConfig, name: string): ContainerImage => {
  const image = mountedImages?.[name]
  if (image === undefined) throw new WherryError('internal', `image ${name} is to be mounted and was not looked for`)
  return image
}

/** Its init, under a keeper, which waits. */
const createInit = (home: Home, config: ContainerConfig, { root, spec, mountSources }: Prepared, options: StartOptions): Promise<Kept> => {
  const { id, request } = config
  const { bundle } = placesOf(home, id)
  const { path, argv, env } = home.self(['container', 'cleanup', id])
  return createKept(
    home.engine,
    {
      id,
      bundle,
      spec,
      noPivot: false,
      noNewKeyring: false,
      preserveFds: options.preserveFds ?? 0,
      mountSources,
      reaper: request.init,
      ...(root.isMount ? { rootfs: root.fd } : {}),
    },
    {
      ...keeperFolders(home, id),
      log: request.log.driver === 'none' ? UNREAD : logOptions(request.log.maxSize, request.log.maxFiles),
      durable: !request.autoRemove,
      stdin: request.tty || !request.interactive ? 'none' : options.stdin,
      terminal: request.tty,
      cleanup: { path, argv, env },
    },
  )
}

/** Everything up to its init, which waits and is in its networks. @param made is told of init before it is attached anywhere */
const create = async (home: Home, config: ContainerConfig, options: StartOptions, made: (kept: Kept) => void) => {
  const { bundle, rootfs, keeper, spool } = placesOf(home, config.id)
  for (const folder of [bundle, rootfs, keeper, spool]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  // init begins there, as whoever root of its user namespace is; the way to it stays closed
  chmodSync(rootfs, 0o755)
  let network: RunNetwork | undefined
  try {
    const prepared = await prepareRun(home, config, {
      hostname: hostNameOf(config),
      volumes: (root) => openVolumes(home, config, root),
      image: (name) => lowersOf(home, { image: mountedImage(config, name) }),
      files: async (owner) => {
        network = await prepareNetwork(home, config, owner === undefined ? {} : { owner })
        return network.files
      },
    })
    let kept: Kept
    try {
      kept = await createInit(home, config, prepared, options)
    } finally {
      prepared.close()
    }
    made(kept)
    return await network?.attach(kept.record.init!)
  } finally {
    network?.close()
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
    const attached = await create(home, config, options, (made) => {
      kept = made
    })
    await options.ready?.(kept!, config)
    const timers = request.timeout === undefined ? [] : [await startRunTimer(home, id, request.timeout * 1000, 'expire')]
    // they watch init: of a start that is killed none is left once init is gone
    record = { ...record, timers, ...attached }
    await start(home.engine, id)
    const { restartAt: _, finished: __, exitCode: ___, oomKilled: ____, error: _____, health: ______, suspended: _______, ...rest } = state
    const health = config.process.health === undefined ? {} : { health: { status: 'starting', failures: 0, log: [] } as const }
    const started: ContainerState = { ...rest, ...health, phase: 'started', boot: bootId(), started: timeNow(), stoppedByUser: false }
    writeState(home, config, started)
    const init = kept!.record.init!
    const freezer = freezerOf(kept!.record.cgroup)
    const known = { init, keeper: parentOf(init.pid), ...(freezer === undefined ? {} : { freezer }) }
    writeRun(home, id, { ...record, ...known, phase: 'running' })
    if (config.process.health !== undefined) {
      const { startHealth } = await import('./health.ts')
      await startHealth(home, config, started)
    }
    emit(home, 'start', config)
    return { kept: kept!, state: started }
  } catch (error) {
    await teardown(home, id, record)
    await kept?.keeper.ended()
    kept?.keeper.acknowledge()
    removeRun(home, id)
    throw error
  }
}
