/** Attaching a container to networks and taking it off again; of either kind. */
import { closeSync, openSync } from 'node:fs'
import type { PublishedPort } from '../../../runtime/network/attachments.ts'
import { Attachments } from '../../../runtime/network/attachments.ts'
import { cniAttachments } from '../../../runtime/network/cni/cache.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { attachBridge, detachBridge } from './bridges.ts'
import { aliasesOf, refreshHosts } from './files.ts'
import type { PlannedNetwork } from './plan.ts'

const openNamespace = (init: number): number => openSync(`/proc/${init}/ns/net`, 'r')

/** @param init pid whose network namespace it is; returns its addresses. */
const attachOne = async (
  home: Home,
  config: ContainerConfig,
  init: number,
  planned: PlannedNetwork,
  published: readonly PublishedPort[],
): Promise<readonly string[]> => {
  const { network, endpoint, interface: name, defaultRoute, hasPorts } = planned
  const ports = hasPorts ? published : []
  const aliases = aliasesOf(config, endpoint.aliases)
  if (network.kind === 'cni') {
    const { attachCni } = await import('../../../runtime/network/cni/attach.ts')
    return (
      await attachCni({
        run: home.runRoot,
        container: config.id,
        list: network.list,
        init,
        // plugins tidy up in the namespace, which would end with the container's processes
        netns: `${placesOf(home, config.id).run}/netns`,
        interface: name,
        ips: [endpoint.ip, endpoint.ip6].filter((text) => text !== undefined),
        ...(endpoint.mac === undefined ? {} : { mac: endpoint.mac }),
        aliases,
        ports,
        annotations: config.request.annotations,
      })
    ).addresses
  }
  const namespace = openNamespace(init)
  try {
    const { ip, ip6, mac } = endpoint
    const request = {
      container: config.id,
      network: network.definition,
      namespace,
      interface: name,
      ip,
      ip6,
      mac,
      aliases,
      ports,
      defaultRoute,
    }
    return attachBridge(home, request).addresses
  } finally {
    closeSync(namespace)
  }
}

/** Attaches it to all of them, and tells its neighbours. After a failure it is attached to none of them. Returns its addresses, those that ports lead to first. */
export const attachNetworks = async (
  home: Home,
  config: ContainerConfig,
  init: number,
  planned: readonly PlannedNetwork[],
  published: readonly PublishedPort[],
): Promise<string[]> => {
  const addresses: string[] = []
  const done: string[] = []
  try {
    for (const one of planned) {
      const given = await attachOne(home, config, init, one, published)
      done.push(one.network.name)
      if (one.hasPorts) addresses.unshift(...given)
      else addresses.push(...given)
    }
  } catch (error) {
    for (const network of done.reverse()) await detachNetwork(home, config.id, network)
    throw error
  }
  refreshHosts(home, done, [config.id])
  return addresses
}

/** Takes it off one network. Idempotent. */
const detachNetwork = async (home: Home, id: string, network: string): Promise<void> => {
  const found = cniAttachments(home.runRoot, id).find((one) => one.network === network)
  if (found === undefined) {
    detachBridge(home, id, network)
    return
  }
  const { detachCni } = await import('../../../runtime/network/cni/attach.ts')
  await detachCni(home.runRoot, found)
}

export const detachFrom = async (home: Home, id: string, network: string): Promise<void> => {
  await detachNetwork(home, id, network)
  refreshHosts(home, [network], [id])
}

/** Names of what it is attached to. */
export const attachedTo = (home: Pick<Home, 'runRoot'>, id: string): string[] => {
  const attachments = new Attachments(home.runRoot)
  const built = attachments.networks().filter((network) => attachments.find(network, id) !== undefined)
  return [...built, ...cniAttachments(home.runRoot, id).map(({ network }) => network)]
}

/** Takes it off all networks. Idempotent. All are tried; throws what failed first. */
export const detachAll = async (home: Home, id: string): Promise<void> => {
  const networks = attachedTo(home, id)
  if (networks.length === 0) return
  let failed: { readonly error: unknown } | undefined
  for (const network of networks) {
    try {
      await detachNetwork(home, id, network)
    } catch (error) {
      failed ??= { error }
    }
  }
  refreshHosts(home, networks)
  if (failed !== undefined) throw failed.error
}
