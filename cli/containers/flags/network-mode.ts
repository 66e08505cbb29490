/** --network: `host`, `none`, `container:ID`, a name, `NAME:ip=…,alias=…` (podman’s) or `name=NAME,ip=…` (docker’s). */
import { UsageError } from '../../support/parse.ts'
import type { EndpointRequest, NetworkRequest } from '../request.ts'
import { familyOf, macAddress } from './address.ts'
import { bad, halves, line } from './bad.ts'
import type { Surroundings } from './surroundings.ts'

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/

export const addressFor = (flag: 'ip' | 'ip6' | 'network', text: string, family: 4 | 6): string => {
  if (familyOf(text) !== family) throw bad(flag, text, `is no IPv${family} address`)
  return text
}

export const macFor = (flag: 'mac-address' | 'network', text: string): string => {
  const mac = macAddress(text)
  if (mac === undefined) throw bad(flag, text, 'is no MAC address of one interface: one like 92:d0:c6:0a:29:33 is wanted')
  return mac
}

/** RFC 1123, and what people use besides: a label or several. */
export const hostName = (flag: string, text: string): string => {
  if (!/^[a-zA-Z0-9_](?:[a-zA-Z0-9_.-]{0,62}[a-zA-Z0-9_])?$/.test(text) || text.includes('..'))
    throw bad(
      flag,
      text,
      "is no host name: letters, digits, '-', '_' and '.' are allowed, 64 at most, the first and the last a letter or digit",
    )
  return text
}

interface Endpoint extends EndpointRequest {
  readonly name: string
}

const OPTIONS = 'alias=, ip=, ip6=, mac-address='

const endpoint = (text: string, name: string, options: string): Endpoint => {
  const aliases: string[] = []
  let found: Omit<EndpointRequest, 'aliases'> = {}
  for (const option of options === '' ? [] : options.split(',')) {
    const [key, value] = halves(option, '=')
    if (value === undefined || value === '') throw bad('network', text, `has ${JSON.stringify(option)}; there are ${OPTIONS}`)
    if (key === 'alias') aliases.push(hostName('network', value))
    else if (key === 'ip' && value.includes(':')) found = { ...found, ip6: addressFor('network', value, 6) }
    else if (key === 'ip') found = { ...found, ip: addressFor('network', value, 4) }
    else if (key === 'ip6') found = { ...found, ip6: addressFor('network', value, 6) }
    else if (key === 'mac-address' || key === 'mac') found = { ...found, mac: macFor('network', value) }
    else throw bad('network', text, `has the unknown option ${JSON.stringify(key)}; there are ${OPTIONS}`)
  }
  return { name, aliases, ...found }
}

const networkOf = (text: string): Endpoint => {
  const docker = /^(?:.*,)?name=([^,]*)/.exec(text)
  if (docker !== null) {
    const rest = text.split(',').filter((option) => !option.startsWith('name='))
    return checked(text, endpoint(text, docker[1]!, rest.join(',')))
  }
  const [name, options = ''] = halves(text, ':')
  const unknown = UNKNOWN[name]
  if (unknown !== undefined) throw bad('network', text, unknown)
  return checked(text, endpoint(text, name, options))
}

/** What podman has and Wherry has not. */
const UNKNOWN: Readonly<Record<string, string>> = {
  ns: 'is not supported: share the network of a container (container:NAME) or of the machine (host)',
  slirp4netns: 'is not supported: networks without root are made with pasta by the default network',
}

const checked = (text: string, found: Endpoint): Endpoint => {
  if (!NAME.test(found.name))
    throw bad(
      'network',
      text,
      'is no network: host, none, container:NAME, or the name of a network (letters, digits, _, . and -) is wanted',
    )
  return found.name === 'default' || found.name === 'private' ? { ...found, name: 'bridge' } : found
}

export type NetworkMode = Pick<NetworkRequest, 'mode' | 'container' | 'names' | 'aliases' | 'ip' | 'ip6' | 'mac' | 'endpoints'>

/** What all --network together say. */
export const readNetworkMode = (values: readonly string[], surroundings: Pick<Surroundings, 'container'>): NetworkMode => {
  for (const text of values) line('network', text)
  const alone = values.find((text) => text === 'host' || text === 'none' || text.startsWith('container:'))
  if (alone !== undefined) {
    if (values.length > 1) throw new UsageError(`--network ${alone} stands alone: the container is in no other network then`)
    if (alone === 'host' || alone === 'none') return { mode: alone, names: [], aliases: [] }
    return { mode: 'container', container: surroundings.container(alone.slice('container:'.length)).id, names: [], aliases: [] }
  }
  const [first, ...others] = values.map(networkOf)
  if (first === undefined) return { mode: 'networks', names: [], aliases: [] }
  const names = [first, ...others].map(({ name }) => name)
  const twice = names.find((name, index) => names.indexOf(name) !== index)
  if (twice !== undefined) throw new UsageError(`--network ${twice} is given twice`)
  const { name: _, ...rest } = first
  const asked = others.filter(
    ({ aliases, ip, ip6, mac }) => aliases.length > 0 || ip !== undefined || ip6 !== undefined || mac !== undefined,
  )
  return {
    mode: 'networks',
    names,
    ...rest,
    ...(asked.length === 0 ? {} : { endpoints: Object.fromEntries(asked.map(({ name, ...endpoint }) => [name, endpoint])) }),
  }
}
