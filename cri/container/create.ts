/** CreateContainer: from a config to a container whose init waits for StartContainer. Whatever fails or is cancelled, nothing is left. */
import { closeSync, mkdirSync, chmodSync } from 'node:fs'
import { create as message } from '@bufbuild/protobuf'
import { makeWorkingFolder } from '../../image/apply/working-folder.ts'
import { bootId } from '../../runtime/boot.ts'
import { asOwner, ownerOf } from '../../runtime/container/as-owner.ts'
import { isCommandError } from '../../runtime/container/command-error.ts'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { createKept, type Kept } from '../../runtime/container/kept.ts'
import { WherryError } from '../../runtime/errors.ts'
import { logOptions } from '../../runtime/keeper/options.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import { randomBytes } from '../../runtime/sys/random.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { ContainerEventType, type CreateContainerRequest, ContainerConfigSchema } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { leaseOwner } from '../images/owners.ts'
import type { UsedImage } from '../images/types.ts'
import { LOG_SPOOL } from '../logs/types.ts'
import { claimContainerName } from '../state/names.ts'
import type { Container, Sandbox } from '../state/types.ts'
import { placesOf } from './places.ts'
import { removeTraces } from './remove.ts'
import { applied, buildSpec } from './spec/build.ts'
import { checkConfig } from './spec/check.ts'
import { gatherFacts, hostnameOf } from './spec/gather.ts'
import { lookUpUser, wantedUser } from './spec/user.ts'

/** Nobody reads it but who attaches. */
const UNREAD = logOptions(64 * 1024, 2)

/** Milliseconds for what others of a shared pid namespace still write: they end when its end is noticed. */
const LAST_OUTPUT = 200

/** log_directory of the sandbox with log_path of the container; undefined: none is wanted. */
const logPathOf = ({ config: { logDirectory } }: Sandbox, { logPath }: Container['config']): string | undefined => {
  if (logPath === '' || logDirectory === '') return undefined
  return `${logDirectory.replace(/\/+$/, '')}/${logPath.replace(/^\/+/, '')}`
}

interface Making {
  readonly kept: Kept
  readonly user: NonNullable<Container['user']>
  readonly stopSignal: number | undefined
}

const makeInit = async (cri: Cri, { id, config }: Container, sandbox: Sandbox, image: UsedImage): Promise<Making> => {
  const places = placesOf(cri.containers, id)
  const process = applied(config, image.config.config, hostnameOf(sandbox))
  const wanted = wantedUser(config.linux?.securityContext, process.user)
  for (const folder of [places.bundle, places.rootfs, places.run, places.spool]) mkdirSync(folder, { recursive: true, mode: 0o700 })
  // init begins there, as whoever root of its user namespace is; the way to it stays closed
  chmodSync(places.rootfs, 0o755)
  const { mappings } = sandbox
  // of a power cut it need not be spared: no container is started twice
  const root = await openRootfs(
    {
      lowers: image.lowers,
      upper: places.upper,
      work: places.work,
      volatile: true,
      ...(mappings === undefined ? {} : { idmap: mappings }),
    },
    { folder: places.bundle },
  )
  try {
    const user = lookUpUser(root, wanted)
    asOwner(ownerOf(mappings), () => {
      for (const folder of [process.cwd, ...process.volumes]) if (folder !== '/') makeWorkingFolder(root, folder)
    })
    const { facts, close } = await gatherFacts(cri, { id, config, sandbox, places, user })
    try {
      const { spec, mountSources } = buildSpec(config, process, facts)
      const kept = await createKept(
        cri.engine,
        { id, bundle: places.bundle, spec, rootfs: root, mountSources, noPivot: false, noNewKeyring: false, preserveFds: 0 },
        {
          run: places.run,
          spool: places.spool,
          log: logPathOf(sandbox, config) === undefined ? UNREAD : LOG_SPOOL,
          durable: false,
          stdin: config.tty || !config.stdin ? 'none' : config.stdinOnce ? 'once' : 'open',
          terminal: config.tty,
          drain: LAST_OUTPUT,
        },
      )
      const { uid, gid, additionalGids } = spec.process.user
      return { kept, user: { uid, gid, supplementalGroups: additionalGids ?? [] }, stopSignal: process.stopSignal }
    } finally {
      close()
    }
  } finally {
    closeSync(root)
  }
}

/** Or why its command cannot be executed: kubelet expects to be told by StartContainer, and to count that as a run. */
const tryInit = async (cri: Cri, container: Container, sandbox: Sandbox, image: UsedImage): Promise<Making | string> => {
  try {
    return await makeInit(cri, container, sandbox, image)
  } catch (error) {
    if (isCommandError(error)) return error.message
    throw error
  }
}

const NO_IMAGE = { id: '', ref: '', layers: [] }

/** Written down, with its name taken. */
const begin = (cri: Cri, sandbox: Sandbox, config: Container['config']): Container => {
  claimContainerName(cri.containers, sandbox.id, config.metadata)
  const logPath = logPathOf(sandbox, config)
  const record: Container = {
    version: 1,
    id: randomBytes(32).toString('hex'),
    sandbox: sandbox.id,
    config,
    image: NO_IMAGE,
    created: realtime(),
    phase: 'making',
    boot: bootId(),
    ...(logPath === undefined ? {} : { logPath }),
  }
  cri.containers.put(record)
  return record
}

/** All that it may have left, also its init. What cannot be undone stays written down, to be removed as any container is. */
const undo = async (cri: Cri, { id, config }: Container, kept: Kept | undefined): Promise<void> => {
  try {
    await deleteContainer(cri.engine, id, { force: true })
    await kept?.keeper.ended()
    kept?.keeper.acknowledge()
    await removeTraces(cri, id, config)
  } catch (error) {
    cri.containers.note(id, { phase: 'removing' })
    cri.log.error('a container that could not be made cannot be undone either', { container: id, error })
  }
}

/** Resolves to the id. */
export const createContainer = async (cri: Cri, request: CreateContainerRequest, signal: AbortSignal): Promise<string> => {
  const config = request.config ?? message(ContainerConfigSchema)
  checkConfig(config)
  const sandbox = cri.sandboxes.find(request.podSandboxId)
  if (sandbox.phase !== 'ready')
    throw new WherryError('failed-precondition', `pod sandbox ${sandbox.id} is not ready: containers cannot be created in it`)
  const begun = begin(cri, sandbox, config)
  const { id } = begun
  return cri.containers.locked(id, async () => {
    let made: Making | undefined
    try {
      const image = await cri.images.use(config.image!.image, leaseOwner(id))
      signal.throwIfAborted()
      const tried = await tryInit(cri, begun, sandbox, image)
      made = typeof tried === 'string' ? undefined : tried
      signal.throwIfAborted()
      // the sandbox may have been stopped meanwhile
      if (cri.sandboxes.get(sandbox.id)?.phase !== 'ready')
        throw new WherryError('failed-precondition', `pod sandbox ${sandbox.id} was stopped while the container was made`)
      cri.containers.change(id, {
        phase: 'created',
        image: { id: image.id, ref: image.ref, layers: image.layers },
        init: made?.kept.record.init,
        user: made?.user,
        stopSignal: made?.stopSignal,
        startError: typeof tried === 'string' ? tried : undefined,
      })
    } catch (error) {
      await undo(cri, begun, made?.kept)
      throw error
    }
    if (made !== undefined) cri.exits.watch(id, made.kept.keeper)
    cri.events.emit(ContainerEventType.CONTAINER_CREATED_EVENT, id, sandbox.id)
    return id
  })
}
