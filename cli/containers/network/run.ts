/**
 * The network of one run of a container: its ports and its files are settled before it is made, what it is attached to between its
 * creation and its start, when its namespace is there and nothing runs in it yet.
 */
import { closeSync, rmSync } from 'node:fs'
import { identify } from '../../../runtime/container/process-id.ts'
import { Store } from '../../../runtime/container/store.ts'
import type { ProcessId } from '../../../runtime/container/types.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { parseAddress } from '../../../runtime/network/address.ts'
import type { PublishedPort } from '../../../runtime/network/attachments.ts'
import { openPidfd, startRelay } from '../../../runtime/network/relay.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { shortId } from '../ids.ts'
import { attachedTo, attachNetworks, detachAll } from './attach.ts'
import { type FilePaths, filePaths, filesOf, type Owner, writeFiles } from './files.ts'
import { familiesOf, networkNames, type PlannedNetwork, planNetworks } from './plan.ts'
import { holdAll, type HeldPorts, wantedPorts } from './publish.ts'
import { ownsNetworkNamespace } from './rights.ts'

/** What is to be remembered of a network that a container is in. */
export interface AttachedNetwork {
  /** Holds the ports, and ends with init. */
  readonly relay?: ProcessId
  /** Published ports that no network has written down. */
  readonly ports?: readonly PublishedPort[]
}

export interface RunNetwork {
  /** To be mounted as /etc/hosts and its like. */
  readonly files: FilePaths
  /** Once its init is there and waits. After a failure nothing is left. */
  attach(init: ProcessId): Promise<AttachedNetwork>
  /** Whatever came of it: ports that were held for the container are its own by then, or free. */
  close(): void
}

export interface NetworkOptions {
  /** Ids of the machine that root in the container has, where those are not root's. */
  readonly owner?: Owner
}

const NOTHING: HeldPorts = { published: [], held: [] }

/** Throws `failed-precondition` where the other container does not run. */
const joined = (home: Home, config: ContainerConfig): RunNetwork => {
  const other = config.request.network.container!
  const init = new Store(home.engine.root).tryRead(other)?.init
  if (init === undefined)
    throw new WherryError(
      'failed-precondition',
      `container ${shortId(other)}, whose network ${config.name} is to share, does not run: start it first (wherry start ${shortId(other)})`,
    )
  return {
    files: filePaths(home, other),
    attach: async () => ({}),
    close: () => {},
  }
}

const holdFor = ({ request, process }: ContainerConfig, planned: readonly PlannedNetwork[], warn: Home['warn']): HeldPorts => {
  const wanted = wantedPorts(request.network, process.exposed)
  if (wanted.length === 0) return NOTHING
  const target = planned.find(({ hasPorts }) => hasPorts)
  if (target !== undefined) return holdAll(wanted, familiesOf(target.network))
  warn(`no port is published: nothing from outside leads into ${planned.map(({ network }) => network.name).join(', ')}, which is internal`)
  return NOTHING
}

/** The relay holds the ports from now on; the caller's descriptors are closed by `close`. */
const relay = (home: Home, id: string, { held }: HeldPorts, addresses: readonly string[], init: ProcessId): ProcessId | undefined => {
  if (held.length === 0) return undefined
  const watched = openPidfd(init.pid)
  try {
    const pid = startRelay(
      held,
      addresses.map((text) => parseAddress(text)),
      watched,
      placesOf(home, id).run,
    )
    return identify(pid)
  } finally {
    closeSync(watched)
  }
}

const attached = async (home: Home, config: ContainerConfig): Promise<RunNetwork> => {
  const planned = await planNetworks(home, config)
  const ports = holdFor(config, planned, home.warn)
  let open = true
  const close = (): void => {
    if (open) for (const { fd } of ports.held) closeSync(fd)
    open = false
  }
  return {
    files: filePaths(home, config.id),
    async attach(init) {
      const addresses = await attachNetworks(home, config, init.pid, planned, ports.published)
      try {
        const holder = relay(home, config.id, ports, addresses, init)
        return holder === undefined ? {} : { relay: holder }
      } catch (error) {
        await detachAll(home, config.id)
        throw error
      }
    },
    close,
  }
}

const rootless = async (home: Home, config: ContainerConfig): Promise<RunNetwork> => {
  const { pastaNetwork } = await import('./pasta.ts')
  return pastaNetwork(home, config)
}

/**
 * With the container's lock held. Throws `already-exists` naming a port that is another's, `not-found` naming a network. What is written is
 * taken away by `leaveNetwork`.
 */
export const prepareNetwork = async (home: Home, config: ContainerConfig, { owner }: NetworkOptions = {}): Promise<RunNetwork> => {
  const { mode } = config.request.network
  if (mode === 'container') return joined(home, config)
  const own = mode === 'networks'
  // of a run that nobody has cleaned up behind
  if (own && attachedTo(home, config.id).length > 0) await detachAll(home, config.id)
  const network: RunNetwork = !own
    ? { files: filePaths(home, config.id), attach: async () => ({}), close: () => {} }
    : ownsNetworkNamespace()
      ? await attached(home, config)
      : await rootless(home, config)
  try {
    writeFiles(home, config, { networks: networkNames(config.request.network), ...(owner === undefined ? {} : { owner }) })
  } catch (error) {
    network.close()
    throw error
  }
  return network
}

/** Takes the container off all networks, and its files away. Idempotent; the relay is not looked at: it ends with init. */
export const leaveNetwork = async (home: Home, id: string): Promise<void> => {
  await detachAll(home, id)
  for (const path of filesOf(home, id)) rmSync(path, { force: true })
}
