/** All flags of the network. */
import type { Flags, Values } from '../../support/flags.ts'
import { UsageError } from '../../support/parse.ts'
import type { NetworkRequest } from '../request.ts'
import { familyOf } from './address.ts'
import { bad, conflict, line, words } from './bad.ts'
import { addressFor, hostName, macFor, readNetworkMode } from './network-mode.ts'
import { readExposed, readPublished, refuseTwice } from './ports.ts'
import type { Surroundings } from './surroundings.ts'

export const NETWORK_FLAGS = {
  network: {
    type: 'list',
    value: 'NETWORK',
    help: 'host, none, container:NAME, or networks: NAME[:ip=,ip6=,alias=,mac-address=] (default bridge)',
  },
  net: { type: 'list', value: 'NETWORK', help: 'as --network', hidden: true },
  'network-alias': { type: 'list', value: 'NAME', help: 'another name by which the container is found in its first network' },
  'net-alias': { type: 'list', value: 'NAME', help: 'as --network-alias', hidden: true },
  ip: { type: 'string', value: 'ADDRESS', help: 'IPv4 address in its first network' },
  ip6: { type: 'string', value: 'ADDRESS', help: 'IPv6 address in its first network' },
  'mac-address': { type: 'string', value: 'MAC', help: 'MAC address in its first network' },
  publish: {
    type: 'list',
    short: 'p',
    value: '[[ADDRESS:]HOSTPORT:]PORT[/PROTOCOL]',
    help: 'publish a port, or a range of them, on the machine; a free one where HOSTPORT is not given',
  },
  'publish-all': { type: 'boolean', short: 'P', help: 'publish all exposed ports on free ones of the machine' },
  expose: { type: 'list', value: 'PORT[-PORT][/PROTOCOL]', help: 'expose a port: for --publish-all and for people' },
  dns: { type: 'list', value: 'ADDRESS', help: 'name server to ask' },
  'dns-search': { type: 'list', value: 'DOMAIN', help: 'domain to look names up in (. for none)' },
  'dns-option': { type: 'list', value: 'OPTION', help: 'option for the resolver, resolv.conf(5)' },
  'dns-opt': { type: 'list', value: 'OPTION', help: 'as --dns-option', hidden: true },
  'add-host': { type: 'list', value: 'NAME:ADDRESS', help: 'line for /etc/hosts; the address host-gateway is the machine’s' },
} as const satisfies Flags

type Given = Values<typeof NETWORK_FLAGS>

/** `name:address`, `name=address`; IPv6 with or without brackets. */
const host = (text: string): string => {
  line('add-host', text)
  const [, name, bracketed, plain] = /^([^:=]+)[:=](?:\[([^\]]*)\]|(.*))$/.exec(text) ?? []
  const address = bracketed ?? plain
  if (name === undefined || address === undefined) throw bad('add-host', text, 'is not of the form NAME:ADDRESS')
  hostName('add-host', name)
  if (address !== 'host-gateway' && familyOf(address) === undefined)
    throw bad('add-host', text, `has ${JSON.stringify(address)} for an address: an IP address or host-gateway is wanted`)
  return `${name}:${address}`
}

const dns = (text: string): string => {
  if (familyOf(text) === undefined) throw bad('dns', text, 'is no IP address')
  return text
}

const search = (text: string): string => {
  if (!/^(?:\.|[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,251}[a-zA-Z0-9_.])?)$/.test(text)) throw bad('dns-search', text, 'is no domain')
  return text
}

const option = (text: string): string => {
  if (!/^[a-z][a-z0-9-]*(?::\d+)?$/.test(text))
    throw bad('dns-option', text, 'is no option of resolv.conf(5): one like ndots:2 or rotate is wanted')
  return text
}

/** Flags that need a network of the container's own, in the order in which they are looked at. */
const OWN = ['publish', 'publish-all', 'expose', 'network-alias', 'net-alias', 'ip', 'ip6', 'mac-address'] as const
const FILES = ['dns', 'dns-search', 'dns-option', 'dns-opt', 'add-host'] as const

const isGiven = (flags: Given, name: keyof Given): boolean => {
  const value = flags[name]
  return Array.isArray(value) ? value.length > 0 : value !== undefined && value !== false
}

const refuseFor = (flags: Given, mode: NetworkRequest['mode'], warn: Surroundings['warn']): void => {
  const value = flags.network?.[0] ?? flags.net?.[0] ?? mode
  for (const name of OWN) {
    if (!isGiven(flags, name)) continue
    if (name === 'expose') continue
    const publishing = name === 'publish' || name === 'publish-all'
    if (publishing && mode !== 'container') {
      warn(
        mode === 'host'
          ? `--${name} has no effect with --network host: the container has the ports of the machine`
          : `--${name} has no effect with --network none: the container cannot be reached`,
      )
      continue
    }
    throw new UsageError(
      `--${name} and --network ${value} exclude each other: ${
        mode === 'container' ? `it belongs to the container whose network this is` : 'there is no network of its own to have it in'
      }`,
    )
  }
  if (mode !== 'container') return
  for (const name of FILES)
    if (isGiven(flags, name))
      throw new UsageError(
        `--${name} and --network ${value} exclude each other: the files of the container whose network this is are shared`,
      )
}

/** Throws UsageError; what has merely no effect is warned about. */
export const readNetwork = (flags: Given, surroundings: Surroundings): NetworkRequest => {
  const found = readNetworkMode([...(flags.network ?? []), ...(flags.net ?? [])], surroundings)
  if (found.mode !== 'networks') refuseFor(flags, found.mode, surroundings.warn)
  const ports = (flags.publish ?? []).flatMap(readPublished)
  refuseTwice(ports)
  for (const [name, value] of [
    ['ip', found.ip],
    ['ip6', found.ip6],
    ['mac-address', found.mac],
  ] as const)
    if (value !== undefined && flags[name] !== undefined)
      throw conflict(name, 'network', `the network has its ${name} behind its name already`)
  return {
    ...found,
    aliases: [
      ...found.aliases,
      ...[...(flags['network-alias'] ?? []), ...(flags['net-alias'] ?? [])].map((text) => hostName('network-alias', text)),
    ],
    ...(flags.ip === undefined ? {} : { ip: addressFor('ip', flags.ip, 4) }),
    ...(flags.ip6 === undefined ? {} : { ip6: addressFor('ip6', flags.ip6, 6) }),
    ...(flags['mac-address'] === undefined ? {} : { mac: macFor('mac-address', flags['mac-address']) }),
    ports: found.mode === 'networks' ? ports : [],
    publishAll: found.mode === 'networks' && (flags['publish-all'] ?? false),
    expose: [...new Set((flags.expose ?? []).flatMap(readExposed))],
    dns: words(flags.dns).map(dns),
    dnsSearch: words(flags['dns-search']).map(search),
    dnsOptions: [...(flags['dns-option'] ?? []), ...(flags['dns-opt'] ?? [])].map(option),
    hosts: (flags['add-host'] ?? []).map(host),
  }
}
