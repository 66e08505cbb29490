/** exec: another process in a running container. */
import { WherryError } from '../errors.ts'
import { openCgroup } from '../cgroups/cgroup.ts'
import type { Entrance, SubCgroups } from '../cgroups/types.ts'
import { compileExec, type ExecPlan } from '../init/exec.ts'
import type { Descriptors } from '../init/descriptors.ts'
import { SAYS } from '../init/sync.ts'
import { CPU_SETSIZE, parseCpuAffinity } from '../spec/cpu-list.ts'
import type { LinuxNamespaceType } from '../spec/types.ts'
import { isErrno } from '../sys/error.ts'
import { ARCH } from '../sys/syscall.ts'
import { dirname } from 'node:path'
import { Channel } from './channel.ts'
import { tellStages } from './debug.ts'
import { listenerText, openConsole, openEntrance, openSeccomp, sendPidfd, servesItself } from './create.ts'
import { capabilityLimit, Held, inheritedDescriptors, openNamespaces, processPlan } from './gather.ts'
import { setgroupsDeniedFor } from './idmap.ts'
import { abandon, causeOf, CHILD, failure, failureIn, initOf, type Launched, reap, type Starter } from './launch.ts'
import { makePage } from './page-file.ts'
import { writePidFile } from './pid-file.ts'
import { isAlive } from './process-id.ts'
import { folderView } from '../rootfs/view.ts'
import { specOf } from './spec.ts'
import { statusOf } from './state.ts'
import { Store } from './store.ts'
import type { Engine, ExecOptions } from './types.ts'

const NAMESPACES = [
  ['ipc', 'ipc'],
  ['uts', 'uts'],
  ['network', 'net'],
  ['pid', 'pid'],
  ['cgroup', 'cgroup'],
  ['time', 'time'],
  ['mount', 'mnt'],
  ['user', 'user'],
] as const satisfies readonly (readonly [LinuxNamespaceType, string])[]

/** CPUs as sched_setaffinity(2) takes them. */
const cpuMask = (list: string | undefined, field: string): Uint8Array | undefined => {
  if (list === undefined) return undefined
  const mask = Buffer.alloc(CPU_SETSIZE / 8)
  for (const [first, last] of parseCpuAffinity(list, field)) for (let cpu = first; cpu <= last; cpu += 1) mask[cpu >> 3]! |= 1 << (cpu & 7)
  return mask
}

/** The sub-cgroups are those that exist. */
const enter = (
  entrance: Entrance | undefined,
  descriptors: Descriptors,
  held: Held,
  delegated: boolean,
): ReturnType<typeof openEntrance> => {
  try {
    return openEntrance(entrance, descriptors, held, delegated)
  } catch (error) {
    if (!(error instanceof Error) || !isErrno(error, 'ENOENT')) throw error
    const path = 'path' in error && typeof error.path === 'string' ? error.path : ''
    const directory = path.endsWith('/tasks') ? dirname(path) : path
    throw new WherryError('not-found', `cannot exec: adding pid to ${directory}/cgroup.procs: no such file or directory`, { cause: error })
  }
}

/** Starts the process; it is a child of this process, or of what the starter says. Throws failed-precondition for a container that does not run. */
export const exec = async (engine: Engine, options: ExecOptions, starter: Starter = CHILD): Promise<{ pid: number }> => {
  const store = new Store(engine.root)
  const record = store.read(options.id)
  const status = await statusOf(engine, store, record)
  if (record.init === undefined || status === 'stopped' || status === 'creating')
    throw new WherryError('failed-precondition', `cannot exec in a ${status} container`)
  if (status === 'paused' && !options.ignorePaused)
    throw new WherryError('failed-precondition', 'cannot exec in a paused container (use --ignore-paused to override)')
  const { init } = record
  const spec = options.spec ?? specOf(store, record)
  const cgroup = await openCgroup(record.cgroup, engine.warn)
  const held = new Held()
  const channel = new Channel()
  let launched: Launched | undefined
  try {
    const descriptors = inheritedDescriptors(options.preserveFds)
    const inherited = descriptors.end
    const toChannel = descriptors.add(channel.theirs)
    const seccomp = openSeccomp(spec.linux.seccomp, engine, store, descriptors, held)
    const kept = descriptors.end - inherited
    const handed = openConsole(options.console, descriptors, held)
    const entering = descriptors.end
    const joins = openNamespaces(
      NAMESPACES.map(([type, file]) => ({ type, path: `/proc/${init.pid}/ns/${file}` })),
      descriptors,
      held,
    )
    if (!isAlive(init)) throw new WherryError('failed-precondition', 'cannot exec in a stopped container') // and its pid is another's
    const page = held.keep(makePage())
    const sub: SubCgroups = options.cgroups
    const entrance = cgroup.entrance(sub)
    const affinity = options.process.execCPUAffinity
    const pageAt = descriptors.add(page)
    const entered = enter(entrance, descriptors, held, cgroup.record.layout === 'v2' && joins.some(({ type }) => type === 'user'))
    const plan: ExecPlan = {
      ...processPlan({
        process: options.process,
        root: folderView(`/proc/${init.pid}/root`),
        inherited,
        kept,
        console: starter.terminal ? descriptors.end : handed,
        streams: starter.streams,
        mapNewlines: !servesItself(options.console),
        seccomp,
        capabilityLimit: capabilityLimit(joins.some(({ type }) => type === 'user')),
        setgroupsDenied: joins.some(({ type }) => type === 'user') && setgroupsDeniedFor(init.pid),
        warn: engine.warn,
      }),
      arch: ARCH,
      id: options.id,
      page: pageAt,
      channel: toChannel,
      ...entered,
      attach: entrance === undefined,
      joins,
      entering,
      personality: spec.linux.personality,
      affinity: {
        initial: cpuMask(affinity?.initial, 'process.execCPUAffinity.initial'),
        final: cpuMask(affinity?.final, 'process.execCPUAffinity.final'),
      },
      end: descriptors.end + (starter.terminal ? 1 : 0),
    }
    launched = starter.start({
      program: compileExec(plan),
      name: 'wherry:stage',
      descriptors,
      page,
      channel,
      folder: store.folder(options.id),
      cgroup: cgroup.record,
    })
    tellStages(engine, plan.affinity.initial)
    for (;;) {
      const letter = await channel.receive()
      if (letter === SAYS.attach) {
        cgroup.join(initOf(launched), { sub, init: init.pid })
        channel.go()
      } else if (letter === SAYS.listener)
        channel.answer(listenerText(record, initOf(launched), spec.linux.seccomp?.listenerMetadata, 'running'))
      else if (letter === SAYS.created) break
      else throw await failure(launched, 'the process')
    }
    const pid = initOf(launched)
    engine.debug?.('setns_init: about to exec')
    if (options.pidfdSocket !== undefined) sendPidfd(options.pidfdSocket, pid, held)
    await options.ready?.(pid)
    channel.go()
    while ((await channel.receive()) !== undefined);
    const failed = await failureIn(launched)
    if (failed !== undefined) throw failed
    if (launched.stage !== 0) reap(launched.stage)
    if (options.pidFile !== undefined) writePidFile(options.pidFile, pid)
    return { pid }
  } catch (error) {
    channel.close()
    if (launched === undefined) throw error
    const cause = await causeOf(error, launched, 'the process')
    abandon(launched)
    throw cause
  } finally {
    channel.close()
    held.close()
  }
}
