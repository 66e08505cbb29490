/** -p and --expose. */
import type { PortRequest } from '../request.ts'
import { familyOf } from './address.ts'
import { bad } from './bad.ts'

const PROTOCOLS = ['tcp', 'udp', 'sctp'] as const
const MOST = 65535
const FORMS = '[ADDRESS:][HOSTPORT]:PORT[/PROTOCOL] or PORT is wanted, ports may be ranges, IPv6 addresses are in brackets'

interface Range {
  readonly first: number
  readonly last: number
}

const range = (flag: string, whole: string, text: string, least: number): Range => {
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  if (first === undefined) throw bad(flag, whole, `has ${JSON.stringify(text)} for a port: ${FORMS}`)
  const found = { first: Number(first), last: Number(last) }
  if (found.first < least || found.last > MOST) throw bad(flag, whole, `has the port ${text}, which is not from ${least} to ${MOST}`)
  if (found.first > found.last) throw bad(flag, whole, `has the range ${text}, which ends before it begins`)
  return found
}

const protocolOf = (flag: string, whole: string, text: string | undefined): PortRequest['protocol'] => {
  const found = PROTOCOLS.find((protocol) => protocol === (text ?? 'tcp').toLowerCase())
  if (found === undefined) throw bad(flag, whole, `has the protocol ${JSON.stringify(text)}, which is none of ${PROTOCOLS.join(', ')}`)
  return found
}

const split = (text: string): { readonly host?: string; readonly hostPort?: string; readonly port: string } => {
  const bracketed = /^\[([^\]]*)\]:(?:([^:]*):)?([^:]*)$/.exec(text)
  const [, host, hostPort, port] = bracketed ?? /^(?:(?:([^:]*):)?([^:]*):)?([^:]*)$/.exec(text) ?? []
  if (port === undefined) throw bad('publish', text, `is not understood: ${FORMS}`)
  return { ...(host === undefined ? {} : { host }), ...(hostPort === undefined ? {} : { hostPort }), port }
}

const addressOf = (text: string, host: string | undefined): string | undefined => {
  if (host === undefined || host === '') return undefined
  if (familyOf(host) === undefined) throw bad('publish', text, `has ${JSON.stringify(host)} for an address: ${FORMS}`)
  return host
}

/** One entry for each port of a range. Port 0 of the host is any. */
export const readPublished = (text: string): readonly PortRequest[] => {
  const [ports = '', named] = text.split('/')
  if (text.split('/').length > 2) throw bad('publish', text, `has two protocols: ${FORMS}`)
  const protocol = protocolOf('publish', text, named)
  const { host, hostPort, port } = split(ports)
  const address = addressOf(text, host)
  const inside = range('publish', text, port, 1)
  const outside = hostPort === undefined || hostPort === '' || hostPort === '0' ? undefined : range('publish', text, hostPort, 1)
  const count = inside.last - inside.first
  if (outside !== undefined && outside.last - outside.first !== count)
    throw bad('publish', text, `has ranges of different lengths: ${outside.last - outside.first + 1} ports of the machine for ${count + 1}`)
  return Array.from({ length: count + 1 }, (_, index) => ({
    protocol,
    ...(address === undefined ? {} : { host: address }),
    ...(outside === undefined ? {} : { hostPort: outside.first + index }),
    port: inside.first + index,
  }))
}

const overlap = (one: PortRequest, other: PortRequest): boolean =>
  one.host === undefined || other.host === undefined || one.host === other.host || isAny(one.host) || isAny(other.host)

const isAny = (host: string): boolean => host === '0.0.0.0' || host === '::'

const name = ({ host, hostPort, protocol }: PortRequest): string => `${host === undefined ? '' : `${host}:`}${hostPort}/${protocol}`

/** Refuses a port of the machine that is to be published twice. */
export const refuseTwice = (ports: readonly PortRequest[]): void => {
  const byPort = new Map<string, PortRequest[]>()
  for (const port of ports) {
    if (port.hostPort === undefined) continue
    const key = `${port.hostPort}/${port.protocol}`
    const others = byPort.get(key) ?? []
    if (others.some((other) => overlap(port, other))) throw bad('publish', name(port), 'is published twice')
    byPort.set(key, [...others, port])
  }
}

/** `80/tcp` for each port. */
export const readExposed = (text: string): readonly string[] => {
  const [ports = '', named, ...more] = text.split('/')
  if (more.length > 0) throw bad('expose', text, 'is not understood: PORT[-PORT][/PROTOCOL] is wanted')
  const protocol = protocolOf('expose', text, named)
  const { first, last } = range('expose', text, ports, 1)
  return Array.from({ length: last - first + 1 }, (_, index) => `${first + index}/${protocol}`)
}
