/** /etc/resolv.conf of containers, resolv.conf(5). */
import { readFileSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'
import { contains, parseAddress, parsePrefix } from '../../../runtime/network/address.ts'
import type { NetworkRequest } from '../request.ts'

const HOST = '/etc/resolv.conf'
/** Where systemd-resolved, which is asked at a loopback address, names the servers that it asks itself: systemd-resolved.service(8). */
const RESOLVED = '/run/systemd/resolve/resolv.conf'
const STUB = '127.0.0.53'
const LARGEST = 64 * 1024

interface Resolver {
  readonly servers: readonly string[]
  readonly search: readonly string[]
  readonly options: readonly string[]
}

const EMPTY: Resolver = { servers: [], search: [], options: [] }

export const parseResolver = (text: string): Resolver => {
  let resolver = EMPTY
  for (const line of text.slice(0, LARGEST).split('\n')) {
    const [keyword, ...values] = line
      .replace(/[#;].*$/, '')
      .trim()
      .split(/\s+/)
    if (keyword === 'nameserver' && values[0] !== undefined) resolver = { ...resolver, servers: [...resolver.servers, values[0]] }
    // of several the last counts
    else if (keyword === 'search' || keyword === 'domain') resolver = { ...resolver, search: values }
    else if (keyword === 'options') resolver = { ...resolver, options: [...resolver.options, ...values] }
  }
  return resolver
}

const read = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return undefined
    throw error
  }
}

const loopback4 = () => parsePrefix('127.0.0.0/8')

/** Whether a server of the machine can be asked from another network namespace. */
const isReachable = (server: string, ipv6: boolean): boolean => {
  let address: ReturnType<typeof parseAddress>
  try {
    address = parseAddress(server)
  } catch {
    return false // with a zone: of one of the machine's interfaces
  }
  if (address.family === 4) return !contains(loopback4(), address)
  return ipv6 && address.value !== 1n
}

const ofHost = (): Resolver => {
  const own = parseResolver(read(HOST) ?? '')
  if (!own.servers.includes(STUB)) return own
  const real = read(RESOLVED)
  return real === undefined ? own : parseResolver(real)
}

export interface ResolverSurroundings {
  /** `host`: as the machine; `away`: no way to the machine's servers; else by the container's own addresses. */
  readonly reach: 'host' | 'away' | 'network'
  readonly ipv6: boolean
  readonly warn: (message: string) => void
}

/** What is asked for takes the place of what the machine has, part by part. */
export const resolverText = ({ dns, dnsSearch, dnsOptions }: NetworkRequest, { reach, ipv6, warn }: ResolverSurroundings): string => {
  if (reach === 'host' && dns.length + dnsSearch.length + dnsOptions.length === 0) return read(HOST) ?? ''
  const host = reach === 'host' ? parseResolver(read(HOST) ?? '') : ofHost()
  const servers = reach === 'host' ? host.servers : reach === 'away' ? [] : host.servers.filter((server) => isReachable(server, ipv6))
  if (reach === 'network' && dns.length === 0 && servers.length === 0 && host.servers.length > 0)
    warn(`the machine's name servers (${host.servers.join(', ')}) cannot be asked by containers: give --dns ADDRESS`)
  const search = dnsSearch.length > 0 ? dnsSearch.filter((domain) => domain !== '.') : reach === 'away' ? [] : host.search
  const options = dnsOptions.length > 0 ? dnsOptions : host.options
  return [
    ...(search.length === 0 ? [] : [`search ${search.join(' ')}`]),
    ...(dns.length > 0 ? dns : servers).map((server) => `nameserver ${server}`),
    ...(options.length === 0 ? [] : [`options ${options.join(' ')}`]),
    '',
  ].join('\n')
}
