import { existsSync } from 'node:fs'
import { machineFacts } from '../../runtime/container/machine.ts'
import type { StatusRequestSchema, StatusResponseSchema } from '../api/api_pb.js'
import type { Cri } from '../cri.ts'
import type { Unary } from './types.ts'
import { RUNTIME_HANDLERS } from './runtime-handlers.ts'

/** What the kernel can, asked once: it stays as it is. */
interface Features {
  readonly recursiveReadOnlyMounts: boolean
  readonly userNamespaces: boolean
}

let features: Features | undefined

const atLeast = ([major, minor]: readonly [number, number], wanted: readonly [number, number]): boolean =>
  major > wanted[0] || (major === wanted[0] && minor >= wanted[1])

/**
 * mount_setattr(2) with AT_RECURSIVE is of Linux 5.12. User namespaces want the pod's volumes mounted with shifted ids: of tmpfs, which
 * secrets are on, since 6.3.
 */
const featuresOf = ({ engine }: Pick<Cri, 'engine'>): Features => {
  if (features === undefined) {
    const { kernel } = machineFacts(engine)
    features = {
      recursiveReadOnlyMounts: atLeast(kernel, [5, 12]),
      userNamespaces: atLeast(kernel, [6, 3]) && existsSync('/proc/self/ns/user'),
    }
  }
  return features
}

/** What `crictl info` shows: one JSON text for each name. */
const details = ({ config, sandboxes, containers }: Cri): Record<string, string> => ({
  config: JSON.stringify({
    root: config.root,
    runRoot: config.runRoot,
    cgroupDriver: config.cgroupDriver,
    cniConfig: config.cniConfig,
    cniPlugins: config.cniPlugins,
    pinnedImages: config.pinnedImages,
    parallelPulls: config.parallelPulls,
  }),
  server: JSON.stringify({
    version: config.version,
    node: process.version,
    pid: process.pid,
    sandboxes: sandboxes.list().length,
    containers: containers.list().length,
  }),
})

export const status: Unary<typeof StatusRequestSchema, typeof StatusResponseSchema> = (cri, { verbose }) => {
  const network = cri.networks.status()
  return {
    status: {
      conditions: [
        { type: 'RuntimeReady', status: true },
        network.ready
          ? { type: 'NetworkReady', status: true }
          : { type: 'NetworkReady', status: false, reason: network.reason, message: network.message },
      ],
    },
    runtimeHandlers: RUNTIME_HANDLERS.map((name) => ({ name, features: featuresOf(cri) })),
    features: { supplementalGroupsPolicy: true, mountOptions: true },
    ...(verbose ? { info: details(cri) } : {}),
  }
}
