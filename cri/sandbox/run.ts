/** RunPodSandbox: from a config to namespaces that are held and a network. */
import { mkdirSync } from 'node:fs'
import { randomBytes } from '../../runtime/sys/random.ts'
import { WherryError } from '../../runtime/errors.ts'
import { isAlive } from '../../runtime/container/process-id.ts'
import { ContainerEventType, type PodSandboxConfig } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import { newNetnsPath } from '../network/netns.ts'
import { checkRuntimeHandler } from '../rpc/runtime-handlers.ts'
import { bootId } from '../../runtime/boot.ts'
import { realtime } from '../../runtime/sys/realtime.ts'
import { claimSandboxName } from '../state/names.ts'
import type { Sandbox } from '../state/types.ts'
import { checkConfig } from './check.ts'
import { makeFiles, mountShm } from './files.ts'
import { makeHolder } from './holder.ts'
import { hasNodeNetwork } from './namespace-modes.ts'
import { sandboxPlaces } from './places.ts'
import { releaseSandbox } from './release.ts'
import { watchHolder } from './watch.ts'

const make = async (cri: Cri, sandbox: Sandbox, signal: AbortSignal): Promise<void> => {
  const { id, config } = sandbox
  const places = sandboxPlaces(cri, id)
  mkdirSync(places.run, { recursive: true, mode: 0o700 })
  if (config.logDirectory !== '') mkdirSync(config.logDirectory, { recursive: true, mode: 0o755 })
  makeFiles(places, sandbox)
  mountShm(places, sandbox)
  signal.throwIfAborted()
  const flushed = hasNodeNetwork(config) ? Promise.resolve() : cri.sandboxes.flush(id)
  flushed.catch(() => {}) // told below, once there is a holder to undo
  const kept = await makeHolder(cri, sandbox)
  watchHolder(cri, id, kept.keeper)
  // addresses that a power cut takes the record of are nobody's to give back
  await flushed
  signal.throwIfAborted()
  const init = kept.record.init!
  const addresses = hasNodeNetwork(config) ? [] : await cri.networks.add({ ...sandbox, init }, signal)
  signal.throwIfAborted()
  if (!isAlive(init)) throw new WherryError('internal', `the holder of pod sandbox ${id} ended while its network was made`)
  cri.sandboxes.change(id, { phase: 'ready', init, addresses })
}

/** Throws why not; then nothing is left, and the name can be used again. */
export const runSandbox = async (cri: Cri, config: PodSandboxConfig, runtimeHandler: string, signal: AbortSignal): Promise<string> => {
  checkRuntimeHandler(runtimeHandler)
  const id = randomBytes(32).toString('hex')
  const mappings = checkConfig(cri, config, id)
  claimSandboxName(cri.sandboxes, config.metadata)
  const sandbox: Sandbox = {
    version: 1,
    id,
    config,
    runtimeHandler,
    created: realtime(),
    phase: 'making',
    boot: bootId(),
    addresses: [],
    ...(hasNodeNetwork(config) ? {} : { netns: newNetnsPath() }),
    ...(mappings === undefined ? {} : { mappings }),
  }
  cri.sandboxes.put(sandbox)
  await cri.sandboxes.locked(id, async () => {
    try {
      await make(cri, sandbox, signal)
    } catch (error) {
      await undo(cri, sandbox, error)
      throw error
    }
  })
  for (const type of [ContainerEventType.CONTAINER_CREATED_EVENT, ContainerEventType.CONTAINER_STARTED_EVENT]) cri.events.emit(type, id, id)
  return id
}

/** What cannot be undone stays written down, to be removed as any pod is. */
const undo = async (cri: Cri, sandbox: Sandbox, cause: unknown): Promise<void> => {
  try {
    await releaseSandbox(cri, sandbox)
    await cri.sandboxes.remove(sandbox.id)
  } catch (error) {
    cri.sandboxes.note(sandbox.id, { phase: 'removing' })
    cri.log.error('a pod sandbox that could not be made cannot be undone either', { sandbox: sandbox.id, error, cause })
  }
}
