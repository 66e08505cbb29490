/** create: from a bundle to a container whose init waits for `start`. Whatever fails, nothing is left; whatever is killed, the next command undoes. */
import { chmodSync, constants, copyFileSync, mkdirSync, statSync, writeFileSync, writeSync } from 'node:fs'
import { createCgroup } from '../cgroups/cgroup.ts'
import type { Cgroup, Entrance } from '../cgroups/types.ts'
import { WherryError } from '../errors.ts'
import { compileContainer } from '../init/container.ts'
import type { Descriptors } from '../init/descriptors.ts'
import type { ContainerPlan, Join, SeccompPlan } from '../init/plan.ts'
import { WAITING } from '../init/start.ts'
import { SAYS } from '../init/sync.ts'
import { PAGE_SIZE } from '../program/layout.ts'
import { saveOps } from '../program/saved-ops.ts'
import { cachedSeccomp } from '../seccomp/cache.ts'
import { parseContainerId } from '../spec/container-id.ts'
import { stringifyJson } from '../spec/json.ts'
import { type Bundle, loadBundle } from '../spec/load.ts'
import { parseSpec } from '../spec/parse.ts'
import type { LinuxIDMapping, LinuxSeccomp, Mount, Spec, State } from '../spec/types.ts'
import { CLONE_NEWUSER, NAMESPACE_FLAGS } from '../sys/abi/sched.ts'
import { unixConnect, unixListen } from '../sys/unix.ts'
import { isErrno } from '../sys/error.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { sendFds } from '../sys/scm.ts'
import { Channel } from './channel.ts'
import {
  capabilityLimit,
  cgroupMountPlan,
  givenSources,
  Held,
  has,
  inheritedDescriptors,
  mountPlans,
  openNamespaces,
  ownCapabilities,
  processPlan,
  procMountPoints,
} from './gather.ts'
import { tellStages } from './debug.ts'
import { runHooks, stateOf } from './hooks.ts'
import { refuseHostChanges } from './host-namespaces.ts'
import { deniesSetgroups, inInitialUserNamespace, setgroupsDeniedFor, userNamespace, writeMaps } from './idmap.ts'
import { abandon, causeOf, CHILD, failure, initOf, type Launched, reap, stageOf, type Starter } from './launch.ts'
import { explainRootfs, givenRootfs } from './rootfs.ts'
import { makeNotifyFolder } from './notify.ts'
import { makePage } from './page-file.ts'
import { writePidFile } from './pid-file.ts'
import { identify, pidInside } from './process-id.ts'
import { obliterate, recover } from './recover.ts'
import { isSelinuxEnabled } from './security-modules.ts'
import { asService } from './service.ts'
import { Store } from './store.ts'
import type { Console, ContainerRecord, CreateOptions, Engine, Status } from './types.ts'

/** Everything that one creation has in hand. */
interface Creation {
  readonly engine: Engine
  readonly options: CreateOptions
  readonly bundle: Bundle
  readonly store: Store
  readonly cgroup: Cgroup
  readonly held: Held
  readonly starter: Starter
}

const nanosecondsNow = (): string => {
  const now = new Date()
  const fraction = String(process.hrtime.bigint() % 1_000_000n).padStart(6, '0')
  return now.toISOString().replace('Z', `${fraction}Z`)
}

/** Name of who we are, or the id of a user who has none. */
const owner = async (): Promise<string> => {
  const uid = process.geteuid!()
  if (uid === 0) return 'root'
  const { userInfo } = await import('node:os')
  try {
    return userInfo().username
  } catch (error) {
    if (isErrno(error, 'ERR_SYSTEM_ERROR')) return String(uid) // getpwuid_r(3) knows no such user
    throw error
  }
}

/** Whether the caller itself takes the master and passes on what comes from it. */
export const servesItself = (console: Console | undefined): boolean => console !== undefined && 'fd' in console

/** A connected socket for the master of the terminal. */
export const openConsole = (console: Console | undefined, descriptors: Descriptors, held: Held): number | undefined =>
  console === undefined ? undefined : descriptors.add('fd' in console ? console.fd : held.keep(unixConnect(console.socket)))

const connectAgent = (path: string): number => {
  try {
    return unixConnect(path)
  } catch (error) {
    throw new WherryError(
      'failed-precondition',
      `failed to connect with seccomp agent specified in the seccomp profile: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    )
  }
}

export const openSeccomp = (
  seccomp: LinuxSeccomp | undefined,
  engine: Engine,
  store: Store,
  descriptors: Descriptors,
  held: Held,
): SeccompPlan | undefined => {
  if (seccomp === undefined) return undefined
  const { filter, flags, listener } = cachedSeccomp(seccomp, store.cache)
  engine.debug?.(`seccomp filter flags: ${flags}`)
  return { filter, flags, listener: listener === undefined ? undefined : descriptors.add(held.keep(connectAgent(listener.path))) }
}

/** The mappings an idmapped mount asks for: its own, or the container's. */
const namespaceFor =
  ({ bundle, held, options, store }: Creation, descriptors: Descriptors, joins: readonly Join[]) =>
  async (mount: Mount): Promise<number> => {
    const { uidMappings, gidMappings } = bundle.spec.linux
    const joined = joins.find(({ type }) => type === 'user')
    if (mount.uidMappings === undefined && joined !== undefined) return joined.fd
    const mappings = { uid: mount.uidMappings ?? uidMappings ?? [], gid: mount.gidMappings ?? gidMappings ?? [] }
    return descriptors.add(held.keep(await userNamespace(mappings, store.folder(options.id))))
  }

/** What a process enters its cgroup by; the parent opens it, whose rights count. */
export const openEntrance = (
  entrance: Entrance | undefined,
  descriptors: Descriptors,
  held: Held,
  delegated: boolean,
): { cgroup: number | undefined; tasks: number[] } => {
  const { into, tasks } = entrance ?? { into: undefined, tasks: [] }
  // a cgroup that belongs to a user of the container's can be entered by a descriptor of ours alone: cgroups(7), "Delegation"
  const [directory, files] = delegated && into !== undefined ? [undefined, [...tasks, `${into}/cgroup.procs`]] : [into, tasks]
  return {
    cgroup: directory === undefined ? undefined : descriptors.add(held.open(directory, constants.O_RDONLY | constants.O_DIRECTORY)),
    tasks: files.map((file) => descriptors.add(held.open(file, constants.O_WRONLY))),
  }
}

/** Of a user namespace that is joined by the path of a process; any other path does not tell. */
const joinedDeniesSetgroups = ({ linux }: Spec): boolean => {
  const path = linux.namespaces?.find(({ type }) => type === 'user')?.path ?? ''
  const [, pid] = /^\/proc\/(\d+)\/ns\/user$/.exec(path) ?? []
  return pid !== undefined && setgroupsDeniedFor(Number(pid))
}

const freshFlags = (spec: Spec): number =>
  (spec.linux.namespaces ?? []).reduce((flags, { type, path }) => (path === undefined ? flags | NAMESPACE_FLAGS[type] : flags), 0)

/** The host's id for an id of the container; undefined where it is not mapped. */
const hostIdOf = (id: number, mappings: readonly LinuxIDMapping[]): number | undefined => {
  const range = mappings.find(({ containerID, size }) => containerID <= id && id < containerID + size)
  return range === undefined ? undefined : range.hostID + id - range.containerID
}

const makePlan = async (creation: Creation, descriptors: Descriptors, channel: Channel, page: number): Promise<ContainerPlan> => {
  const { engine, options, bundle, store, cgroup, held, starter } = creation
  const { spec } = bundle
  const own = ownCapabilities()
  const privileged = has(own.effective, 'CAP_SYS_ADMIN')
  const fresh = freshFlags(spec)
  const newUser = (fresh & CLONE_NEWUSER) !== 0
  const mappings = { uid: spec.linux.uidMappings ?? [], gid: spec.linux.gidMappings ?? [] }
  const inherited = descriptors.end
  const listen = options.holder === true ? undefined : descriptors.add(held.keep(unixListen(store.file(options.id, 'start.sock'))))
  const seccomp = openSeccomp(spec.linux.seccomp, engine, store, descriptors, held)
  const kept = descriptors.end - inherited
  const joins = openNamespaces(spec.linux.namespaces ?? [], descriptors, held)
  refuseHostChanges(spec, joins)
  const joinsUser = joins.some(({ type }) => type === 'user')
  const handed = openConsole(options.console, descriptors, held)
  const entrance = cgroup.entrance()
  const entry = openEntrance(entrance, descriptors, held, (newUser || joinsUser) && cgroup.record.layout === 'v2')
  const rootfs = await givenRootfs({
    rootfs: options.rootfs,
    spec,
    descriptors,
    keep: (fd) => held.keep(fd),
    real: held.isReal,
    privileged,
    folder: store.folder(options.id),
  })
  const mounts = await mountPlans(
    spec,
    rootfs.view,
    givenSources(options.mountSources, descriptors),
    namespaceFor(creation, descriptors, joins),
  )
  const [pageAt, channelAt] = [descriptors.add(page), descriptors.add(channel.theirs)]
  const console = starter.terminal ? descriptors.end : handed
  return {
    ...processPlan({
      process: spec.process,
      root: rootfs.view,
      inherited,
      kept,
      console,
      streams: starter.streams,
      mapNewlines: !servesItself(options.console),
      seccomp,
      capabilityLimit: capabilityLimit(newUser || joinsUser),
      setgroupsDenied:
        setgroupsDeniedFor(process.pid) || (newUser ? deniesSetgroups(mappings, privileged) : joinsUser && joinedDeniesSetgroups(spec)),
      warn: engine.warn,
    }),
    arch: ARCH,
    id: options.id,
    spec,
    page: pageAt,
    channel: channelAt,
    listen,
    ...entry,
    fresh,
    joins,
    rootMapped: joinsUser || !newUser || mappings.uid.some(({ containerID }) => containerID === 0),
    privileged,
    streamOwner:
      newUser && privileged && starter.streams !== undefined && console === undefined
        ? hostIdOf(spec.process.user.uid, mappings.uid)
        : undefined,
    rootfs: rootfs.plan,
    mounts,
    cgroupMount: (spec.mounts ?? []).some(({ type }) => type === 'cgroup' || type === 'cgroup2')
      ? cgroupMountPlan(cgroup.record)
      : { layout: 'v2', hierarchies: [] },
    noPivot: options.noPivot,
    hostProc: options.noPivot ? procMountPoints(spec.root.path) : [],
    newKeyring: !options.noNewKeyring,
    reaper: options.reaper ?? false,
    holder: options.holder ?? false,
    mknod: has(own.effective, 'CAP_MKNOD') && !newUser && !joinsUser && inInitialUserNamespace(),
    attach: entrance === undefined,
    runtimeHooks: spec.hooks?.prestart !== undefined || spec.hooks?.createRuntime !== undefined,
    selinuxMountLabel: isSelinuxEnabled() ? spec.linux.mountLabel : undefined,
    end: descriptors.end + (starter.terminal ? 1 : 0),
  }
}

/** Text that goes with the seccomp listener: runtime-spec 1.2, config-linux.md "The Container Process State". */
export const listenerText = (record: ContainerRecord, pid: number, metadata: string | undefined, status: 'creating' | 'running'): string =>
  JSON.stringify({
    ociVersion: record.ociVersion,
    fds: ['seccompFd'],
    pid,
    ...(metadata === undefined ? {} : { metadata }),
    state: stateOf({ ...record, init: record.init ?? { pid, startTime: 0 } }, status),
  })

/** The state for hooks in the container's namespaces, with the pid as seen there. */
const stateInside = (record: ContainerRecord, status: Status): State => ({ ...stateOf(record, status), pid: pidInside(record.init!.pid) })

/** Answers the program until it is created; returns the record with its init. */
const converse = async (creation: Creation, record: ContainerRecord, channel: Channel, launched: Launched): Promise<ContainerRecord> => {
  const { bundle, cgroup, options } = creation
  const { spec } = bundle
  const { hooks } = spec
  const withInit = (): ContainerRecord => ({ ...record, init: identify(initOf(launched)) })
  for (;;) {
    switch (await channel.receive()) {
      case SAYS.maps:
        await writeMaps(
          stageOf(launched),
          { uid: spec.linux.uidMappings ?? [], gid: spec.linux.gidMappings ?? [] },
          has(ownCapabilities().effective, 'CAP_SETUID') && has(ownCapabilities().effective, 'CAP_SETGID'),
        )
        channel.go()
        break
      case SAYS.attach:
        await cgroup.attach(initOf(launched))
        channel.go()
        break
      case SAYS.hooks: {
        await runHooks('prestart', hooks?.prestart, stateOf(withInit(), 'created'))
        await runHooks('createRuntime', hooks?.createRuntime, stateOf(withInit(), 'creating'))
        channel.go()
        break
      }
      case SAYS.creating:
        channel.answer(JSON.stringify(stateInside(withInit(), 'creating')))
        break
      case SAYS.startState:
        channel.answer(JSON.stringify(stateInside(withInit(), 'created')))
        break
      case SAYS.listener:
        channel.answer(listenerText(record, initOf(launched), spec.linux.seccomp?.listenerMetadata, 'creating'))
        break
      case SAYS.created:
        return { ...withInit(), cgroup: cgroup.record }
      default:
        throw await failure(launched, `container ${options.id}`)
    }
  }
}

export const sendPidfd = (socket: string, pid: number, held: Held): void => {
  const pidfd = held.keep(syscall('pidfd_open', [pid, 0]))
  sendFds(held.keep(unixConnect(socket)), [pidfd], Buffer.from('pidfd'))
}

/** The ops that come after `start` as text behind the page: `start` did not compile them. */
const describe = (page: number, { image }: Launched): void => {
  const first = image.program.ops.findIndex(({ during }) => during === WAITING)
  const text = Buffer.from(JSON.stringify(saveOps(image, first)))
  writeSync(page, text, 0, text.length, PAGE_SIZE)
}

const build = async (creation: Creation, record: ContainerRecord): Promise<ContainerRecord> => {
  const { options, store, held, bundle } = creation
  if (options.spec === undefined) copyFileSync(`${bundle.bundle}/config.json`, store.file(options.id, 'config.json'))
  else writeFileSync(store.file(options.id, 'config.json'), stringifyJson(options.spec), { mode: 0o600 })
  if (options.notify === true) makeNotifyFolder(store.notifyFolder(options.id))
  const channel = new Channel()
  let launched: Launched | undefined
  try {
    const descriptors = inheritedDescriptors((options.listenFds ?? 0) + options.preserveFds)
    const page = held.keep(makePage(store.file(options.id, 'page')))
    const plan = await makePlan(creation, descriptors, channel, page)
    launched = creation.starter.start({
      program: compileContainer(plan),
      name: options.holder === true ? 'wherry:holder' : 'wherry:stage',
      descriptors,
      page,
      channel,
      folder: store.folder(options.id),
      cgroup: creation.cgroup.record,
    })
    tellStages(creation.engine, undefined)
    // while the program is at work
    if (options.holder !== true) describe(page, launched)
    const created = await converse(creation, record, channel, launched)
    creation.engine.debug?.('init: closing the pipe to signal completion')
    if (options.pidfdSocket !== undefined) sendPidfd(options.pidfdSocket, created.init!.pid, held)
    store.write(created)
    channel.go()
    if (launched.stage !== 0) reap(launched.stage)
    if (options.pidFile !== undefined) writePidFile(options.pidFile, created.init!.pid) // last: it tells of a container that is there
    return created
  } catch (error) {
    channel.close()
    if (launched === undefined) throw error
    const cause = await causeOf(error, launched, `container ${options.id}`)
    abandon(launched)
    throw await explainRootfs(options.rootfs, cause)
  } finally {
    channel.close()
  }
}

/** Makes the folder of the state, 0700; its parents as they are usual. */
const prepareRoot = (root: string): void => {
  mkdirSync(root, { recursive: true, mode: 0o700 })
  if ((statSync(root).mode & 0o077) !== 0) chmodSync(root, 0o700)
}

const cgroupOf = (engine: Engine, { id }: CreateOptions, { linux, annotations }: Spec): Promise<Cgroup> =>
  createCgroup({
    id,
    cgroupsPath: linux.cgroupsPath,
    systemd: engine.systemdCgroup,
    rootless: engine.rootless ?? (process.geteuid!() !== 0 || !inInitialUserNamespace()),
    annotations,
    ownerUid: linux.uidMappings?.find(({ containerID }) => containerID === 0)?.hostID,
    warn: engine.warn,
  })

const newRecord = async ({ id }: CreateOptions, { bundle, spec }: Bundle, cgroup: Cgroup): Promise<ContainerRecord> => ({
  version: 1,
  id,
  ociVersion: spec.ociVersion,
  bundle,
  rootfs: spec.root.path,
  created: nanosecondsNow(),
  owner: await owner(),
  annotations: spec.annotations ?? {},
  ...(spec.hooks === undefined ? { hookless: true as const } : {}),
  cgroup: cgroup.record,
})

/** A caller's own spec is checked as any is. */
const bundleOf = ({ warn }: Engine, { bundle, spec }: CreateOptions): Bundle =>
  spec === undefined ? loadBundle(bundle, { warn }) : { bundle, spec: parseSpec(spec, bundle, warn) }

/** The plan that `create` would compile, for `explain`; engine.root is a folder that is thrown away. */
export const planOf = async (
  engine: Engine,
  options: CreateOptions,
  streams: Pick<Starter, 'streams' | 'terminal'> = CHILD,
): Promise<ContainerPlan> => {
  const bundle = bundleOf(engine, options)
  const held = new Held({ real: false })
  const channel = new Channel()
  const store = new Store(engine.root)
  store.makeFolder(options.id)
  try {
    const cgroup = await cgroupOf(engine, options, bundle.spec)
    return await makePlan(
      { engine, options, bundle, store, cgroup, held, starter: { ...CHILD, ...streams } },
      inheritedDescriptors((options.listenFds ?? 0) + options.preserveFds),
      channel,
      held.keep(makePage()),
    )
  } finally {
    channel.close()
    held.close()
  }
}

/**
 * Creates the container of `options.bundle`. Throws InvalidField for a bad config (nothing was made), WherryError
 * 'already-exists', or what failed; then all that was made is undone.
 */
export const create = async (engine: Engine, options: CreateOptions, starter: Starter = CHILD): Promise<ContainerRecord> => {
  parseContainerId(options.id)
  const store = new Store(engine.root)
  const bundle = asService(bundleOf(engine, options), options, store.notifyFolder(options.id))
  checkTerminal(bundle.spec, options, starter)
  prepareRoot(engine.root)
  await recover(engine)
  const held = new Held()
  const lock = (await store.lock(options.id))!
  try {
    const cgroup = await cgroupOf(engine, options, bundle.spec)
    store.makeFolder(options.id)
    const record = await newRecord(options, bundle, cgroup)
    try {
      store.write(record)
      await cgroup.create(bundle.spec.linux.resources)
    } catch (error) {
      store.remove(options.id)
      throw error
    }
    const entered: ContainerRecord = { ...record, cgroup: cgroup.record, entered: true }
    try {
      store.write(entered)
      return await build({ engine, options, bundle, store, cgroup, held, starter }, entered)
    } catch (error) {
      await obliterate(engine, store, { ...entered, cgroup: cgroup.record })
      throw error
    }
  } finally {
    held.close()
    store.settle(options.id)
    lock.release()
  }
}

const checkTerminal = (spec: Spec, { console }: CreateOptions, { streams, terminal }: Starter): void => {
  if (streams !== undefined && console === undefined && terminal === (spec.process.terminal === true)) return
  if (spec.process.terminal === true && console === undefined)
    throw new WherryError(
      'invalid-argument',
      'cannot allocate tty if the container is detached without a console socket: give --console-socket, or set process.terminal to false',
    )
  if (spec.process.terminal !== true && console !== undefined)
    throw new WherryError('invalid-argument', 'cannot use console socket if the process has no terminal: set process.terminal to true')
}
