/** docker's `NetworkSettings`: what networks a container is in, and with which addresses and ports. */
import type { ContainerConfig } from './config.ts'
import { type Home, placesOf } from './home.ts'
import { findDefinition } from './network/definitions.ts'
import { type Endpoint, endpoints } from './network/endpoints.ts'
import { networkId } from './network/ids.ts'
import { hostsOf, portName, publishedPorts } from './ports.ts'
import { readRun } from './run-record.ts'
import { formatAddress } from '../../runtime/network/address.ts'

const endpointOf = (home: Home, { network, mac, addresses, gateways, aliases }: Endpoint) => {
  const definition = findDefinition(home, network)
  const own = (six: boolean) => {
    const address = addresses.find((text) => text.includes(':') === six)
    const home4 = definition?.subnets.find(({ subnet }) => (subnet.address.family === 6) === six)
    const gateway = home4 === undefined ? gateways.find((text) => text.includes(':') === six) : formatAddress(home4.gateway)
    return {
      address: address ?? '',
      gateway: address === undefined ? '' : (gateway ?? ''),
      length: address === undefined ? 0 : (home4?.subnet.length ?? 0),
    }
  }
  const [four, six] = [own(false), own(true)]
  return {
    Aliases: aliases,
    NetworkID: definition === undefined ? '' : networkId(network, definition.created),
    EndpointID: '',
    Gateway: four.gateway,
    IPAddress: four.address,
    IPPrefixLen: four.length,
    IPv6Gateway: six.gateway,
    GlobalIPv6Address: six.address,
    GlobalIPv6PrefixLen: six.length,
    MacAddress: mac,
    DNSNames: aliases,
  }
}

const portsOf = (home: Home, { id, process }: ContainerConfig): Record<string, { HostIp: string; HostPort: string }[] | null> => {
  const found: Record<string, { HostIp: string; HostPort: string }[] | null> = Object.fromEntries(
    process.exposed.map((name) => [name, null]),
  )
  for (const port of publishedPorts(home, id)) {
    const name = portName(port)
    found[name] = [...(found[name] ?? []), ...hostsOf(port).map((host) => ({ HostIp: host, HostPort: String(port.hostPort) }))]
  }
  return found
}

const EMPTY = { Gateway: '', IPAddress: '', IPPrefixLen: 0, IPv6Gateway: '', GlobalIPv6Address: '', GlobalIPv6PrefixLen: 0, MacAddress: '' }

/** @param up it has processes, and so a network namespace */
export const inspectNetworks = (home: Home, config: ContainerConfig, up: boolean) => {
  const { id, request } = config
  const inside = up ? endpoints(home, id) : []
  const networks = Object.fromEntries(inside.map((endpoint) => [endpoint.network, endpointOf(home, endpoint)]))
  const init = up ? readRun(home, id)?.init : undefined
  const { mode } = request.network
  const { Gateway, IPAddress, IPPrefixLen, IPv6Gateway, GlobalIPv6Address, GlobalIPv6PrefixLen, MacAddress } =
    Object.values(networks)[0] ?? EMPTY
  return {
    SandboxID: '',
    SandboxKey: init === undefined ? '' : `/proc/${init.pid}/ns/net`,
    Ports: up ? portsOf(home, config) : {},
    Gateway,
    IPAddress,
    IPPrefixLen,
    IPv6Gateway,
    GlobalIPv6Address,
    GlobalIPv6PrefixLen,
    MacAddress,
    Networks: mode === 'networks' ? networks : { [mode]: { ...EMPTY, Aliases: [], NetworkID: '', EndpointID: '', DNSNames: [] } },
    Folder: placesOf(home, id).run,
  }
}
