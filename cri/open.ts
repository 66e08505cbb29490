/** The node, as the server has it: what calls of all clients share. */
import { openStore } from '../image/store/store.ts'
import type { CriConfig } from './config.ts'
import { openExits } from './container/exits.ts'
import { keeperFolders } from './container/places.ts'
import { recoverContainers } from './container/recover.ts'
import type { Cri, Log } from './cri.ts'
import { openEvents } from './events/open.ts'
import { openImages } from './images/images.ts'
import { openLogs } from './logs/open.ts'
import { CniNetworks } from './network/networks.ts'
import { leaveHolders } from './sandbox/watch.ts'
import { engineRoot, openState } from './state/open.ts'
import { recoverSandboxes } from './state/recover.ts'
import { streamingBackend } from './streaming/backend.ts'
import { openStreaming } from './streaming/open.ts'

export interface OpenCri {
  readonly cri: Cri
  /** Of what the server does beside calls; containers go on. */
  close(): Promise<void>
}

export const openCri = async (config: CriConfig, log: Log): Promise<OpenCri> => {
  const { sandboxes, containers, torn } = openState(config)
  const store = openStore(config.root, { trusting: true })
  const networks = new CniNetworks(config, log)
  const engine = {
    root: engineRoot(config),
    systemdCgroup: config.cgroupDriver === 'systemd',
    warn: (message: string) => log.warn(message),
    debug: (message: string) => log.debug(message),
  }
  const cri: Cri = {
    config,
    log,
    engine,
    store,
    sandboxes,
    containers,
    exits: openExits(() => cri),
    images: await openImages({ config, log, store, containers }),
    networks,
    logs: openLogs({ log, keeper: (id) => keeperFolders(containers, id), place: (id) => `${containers.folder(id)}/log-place` }),
    events: openEvents(() => cri),
    streaming: await openStreaming({ config, backend: streamingBackend({ engine, containers, sandboxes }), log }),
  }
  try {
    await recoverContainers(cri, torn.containers)
    await recoverSandboxes(cri, networks, torn)
  } catch (error) {
    await cri.streaming.close()
    throw error
  }
  return {
    cri,
    async close() {
      await cri.streaming.close()
      cri.exits.close()
      leaveHolders(cri)
      await cri.logs.close()
      await cri.networks.close()
    },
  }
}
