/** network connect and disconnect: of containers that run, and of those that do not, for their next start. */
import { closeSync, openSync } from 'node:fs'
import { Store } from '../../../runtime/container/store.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { addRoute, findLink, listRoutes } from '../../../runtime/network/rtnetlink.ts'
import { NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import type { EndpointRequest, NetworkRequest } from '../request.ts'
import { isUp, statusOf } from '../status.ts'
import { type Container, writeConfig } from '../store.ts'
import { withContainer } from '../tidy.ts'
import { attachNetworks, detachFrom } from './attach.ts'
import { findDefinition } from './definitions.ts'
import { endpoints } from './endpoints.ts'
import { needNetwork } from './list.ts'
import { endpointOf, findNetwork, networkNames } from './plan.ts'

/** Pid of its init; undefined where it does not run. */
const initOf = async (home: Home, container: Container): Promise<number | undefined> =>
  isUp(await statusOf(home, container)) ? new Store(home.engine.root).tryRead(container.id)?.init?.pid : undefined

/** The request with these networks, each as it was asked for; of none it has no network. */
const withNetworks = (request: NetworkRequest, wanted: readonly (readonly [name: string, endpoint: EndpointRequest])[]): NetworkRequest => {
  const { ip: _, ip6: __, mac: ___, endpoints: ____, ...rest } = request
  const [first, ...others] = wanted
  if (first === undefined) return { ...rest, mode: 'none', names: [], aliases: [] }
  return {
    ...rest,
    mode: 'networks',
    names: wanted.map(([name]) => name),
    ...first[1],
    ...(others.length === 0 ? {} : { endpoints: Object.fromEntries(others) }),
  }
}

const current = ({ request }: ContainerConfig): (readonly [string, EndpointRequest])[] =>
  networkNames(request.network).map((name) => [name, endpointOf(request.network, name)])

const change = (home: Home, config: ContainerConfig, wanted: readonly (readonly [string, EndpointRequest])[]): void =>
  writeConfig(home, { ...config, request: { ...config.request, network: withNetworks(config.request.network, wanted) } })

const refuseShared = ({ name, request }: ContainerConfig): void => {
  const { mode } = request.network
  if (mode === 'host' || mode === 'container')
    throw new WherryError(
      'failed-precondition',
      `container ${name} has no network of its own (--network ${mode}): it cannot be connected to others, nor disconnected`,
    )
}

const freeInterface = (taken: ReadonlySet<string>): string => {
  for (let index = 0; ; index++) if (!taken.has(`eth${index}`)) return `eth${index}`
}

/** Throws `already-exists` where it is in the network already. */
export const connect = (home: Home, network: string, container: string, endpoint: EndpointRequest): Promise<void> => {
  const { name, driver } = needNetwork(home, network)
  if (driver === 'host' || driver === 'null')
    throw new WherryError('failed-precondition', `${name} is no network that a container can be connected to`)
  return withContainer(home, container, async (found) => {
    const { config } = found
    refuseShared(config)
    const there = current(config)
    if (there.some(([other]) => other === name))
      throw new WherryError('already-exists', `container ${config.name} is in network ${name} already`)
    const known = await findNetwork(home, name)
    const wanted = [...there, [name, endpoint] as const]
    const next: ContainerConfig = { ...config, request: { ...config.request, network: withNetworks(config.request.network, wanted) } }
    const init = await initOf(home, found)
    if (init !== undefined) {
      const own = endpoints(home, config.id)
      const leadsOut = own.some(({ kind, network: other }) => kind === 'cni' || findDefinition(home, other)?.internal === false)
      const planned = {
        network: known,
        interface: freeInterface(new Set(own.map((one) => one.interface))),
        endpoint,
        defaultRoute: !leadsOut,
        hasPorts: false,
      }
      await attachNetworks(home, next, init, [planned], [])
    }
    change(home, config, wanted)
  })
}

/** Packets to elsewhere leave by the first network that leads out, if the one they left by is no more. */
const mendRoutes = (home: Home, id: string, init: number): void => {
  const namespace = openSync(`/proc/${init}/ns/net`, 'r')
  try {
    using socket = new NetlinkSocket(namespace)
    for (const { network, interface: name } of endpoints(home, id)) {
      const definition = findDefinition(home, network)
      if (definition === undefined || definition.internal) continue
      const link = findLink(socket, name)
      if (link === undefined) continue
      const defaults = new Set(
        listRoutes(socket).flatMap(({ destination, gateway }) =>
          destination === undefined && gateway !== undefined ? [gateway.family] : [],
        ),
      )
      for (const { gateway } of definition.subnets) if (!defaults.has(gateway.family)) addRoute(socket, { gateway, link: link.index })
    }
  } finally {
    closeSync(namespace)
  }
}

/** Throws `not-found` where it is not in the network; with `force` that is no error. */
export const disconnect = (home: Home, network: string, container: string, { force }: { readonly force: boolean }): Promise<void> =>
  withContainer(home, container, async (found) => {
    const { config, id } = found
    const name = networkNames(config.request.network).includes(network) ? network : needNetwork(home, network).name
    refuseShared(config)
    const there = current(config)
    if (!there.some(([other]) => other === name)) {
      if (force) return
      throw new WherryError(
        'not-found',
        `container ${config.name} is not in network ${name}: it is in ${there.map(([other]) => other).join(', ') || 'none'}`,
      )
    }
    // written down first: who is killed now is not attached again
    change(
      home,
      config,
      there.filter(([other]) => other !== name),
    )
    const init = await initOf(home, found)
    await detachFrom(home, id, name)
    if (init !== undefined) mendRoutes(home, id, init)
  })
