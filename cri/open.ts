/** The node, as the server has it: what calls of all clients share. */
import { openStore } from '../image/store/store.ts'
import { WherryError } from '../runtime/errors.ts'
import type { CriConfig } from './config.ts'
import type { Cri, Log } from './cri.ts'
import { openImages } from './images/images.ts'
import { CniNetworks } from './network/networks.ts'
import { engineRoot, openState } from './state/open.ts'
import { recoverSandboxes } from './state/recover.ts'

export interface OpenCri {
  readonly cri: Cri
  /** Of what the server does beside calls; containers go on. */
  close(): Promise<void>
}

/** TEMPORARY, until what it stands for has landed: nothing may be left of it at the end. */
const absent = <T extends object>(name: string): T =>
  new Proxy({} as T, {
    get: (_, key) => {
      if (key === 'close' || key === 'emit') return async () => {}
      throw new WherryError('unsupported', `${name} is not there yet`)
    },
  })

export const openCri = async (config: CriConfig, log: Log): Promise<OpenCri> => {
  const { sandboxes, containers, torn } = openState(config)
  const store = openStore(config.root, { trusting: true })
  const networks = new CniNetworks(config, log)
  const cri: Cri = {
    config,
    log,
    engine: {
      root: engineRoot(config),
      systemdCgroup: config.cgroupDriver === 'systemd',
      warn: (message) => log.warn(message),
      debug: (message) => log.debug(message),
    },
    store,
    sandboxes,
    containers,
    images: await openImages({ config, log, store, containers }),
    networks,
    logs: absent('logs'),
    events: absent('events'),
    streaming: absent('streaming'),
  }
  await recoverSandboxes(cri, networks, torn)
  return {
    cri,
    async close() {
      await cri.streaming.close()
      await cri.logs.close()
      await cri.networks.close()
    },
  }
}
