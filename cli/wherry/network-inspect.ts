import type { Home } from '../containers/home.ts'
import { type Endpoint, endpoints } from '../containers/network/endpoints.ts'
import { findDefinition } from '../containers/network/definitions.ts'
import { type ListedNetwork, needNetwork } from '../containers/network/list.ts'
import { readConfig } from '../containers/store.ts'
import { forEach } from '../support/each.ts'
import { print } from '../support/output.ts'
import { goJson } from '../support/template/go-text.ts'
import { compileTemplate, type Value } from '../support/template/template.ts'
import { homeOf } from './containers.ts'
import { defineCommand } from './context.ts'

const withPrefix = (home: Home, network: string, address: string): string => {
  const family = address.includes(':') ? 6 : 4
  const length = findDefinition(home, network)?.subnets.find(({ subnet }) => subnet.address.family === family)?.subnet.length
  return length === undefined ? address : `${address}/${length}`
}

const endpointOf = (home: Home, { container, network, interface: name, mac, addresses }: Endpoint) => {
  const find = (six: boolean): string => {
    const address = addresses.find((one) => one.includes(':') === six)
    return address === undefined ? '' : withPrefix(home, network, address)
  }
  return {
    Name: readConfig(home, container)?.name ?? '',
    EndpointID: '',
    Interface: name,
    MacAddress: mac,
    IPv4Address: find(false),
    IPv6Address: find(true),
  }
}

/** docker's fields. */
export const inspected = (home: Home, network: ListedNetwork) => {
  const { id, name, driver, created, ipv4, ipv6, internal, labels, subnets, options } = network
  const inside = endpoints(home).filter((one) => one.network === name)
  return {
    Name: name,
    Id: id,
    Created: created ?? '0001-01-01T00:00:00Z',
    Scope: 'local',
    Driver: driver,
    EnableIPv4: ipv4,
    EnableIPv6: ipv6,
    IPAM: {
      Driver: 'default',
      Options: {},
      Config: subnets.map(({ subnet, gateway, range }) => ({
        Subnet: subnet,
        ...(range === undefined ? {} : { IPRange: range }),
        Gateway: gateway,
      })),
    },
    Internal: internal,
    Attachable: false,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(inside.map((one) => [one.container, endpointOf(home, one)])),
    Options: options,
    Labels: labels,
  }
}

type Inspected = ReturnType<typeof inspected>

const mapOf = (value: Readonly<Record<string, Value>>): Value => new Map(Object.entries(value))

/** What Go has as maps may be asked for any key. */
export const forTemplate = (network: Inspected): Value => ({
  ...network,
  Containers: mapOf(network.Containers),
  Options: mapOf(network.Options),
  Labels: mapOf(network.Labels),
})

export const command = defineCommand({
  name: 'network inspect',
  heading: 'Networks',
  summary: 'show all that is known of networks',
  operands: 'NETWORK [NETWORK...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: 'Prints a JSON array with an object per network, whose fields are those of docker, or what the template makes of each.',
  flags: {
    format: { type: 'string', short: 'f', value: 'FORMAT', help: 'json (one object per line), or a Go template' },
    verbose: { type: 'boolean', short: 'v', help: 'changes nothing', hidden: true },
  },
  async run({ flags, args, context }) {
    const { format } = flags
    const template = format === undefined || format === '' || format === 'json' ? undefined : compileTemplate(format)
    const home = homeOf(context)
    const found: Inspected[] = []
    const status = await forEach(context.name, args, (text) => {
      found.push(inspected(home, needNetwork(home, text)))
    })
    if (template !== undefined) for (const network of found) print(`${template(forTemplate(network))}\n`)
    else if (format === 'json') print(found.map((network) => `${goJson(network)}\n`).join(''))
    else print(`${goJson(found, '    ')}\n`)
    return status
  },
})
