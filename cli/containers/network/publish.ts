/** Published ports: what the flags ask for, made into ports of the machine that are really ours. */
import { closeSync, existsSync, readFileSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import type { PublishedPort } from '../../../runtime/network/attachments.ts'
import { type HeldPort, holdPorts } from '../../../runtime/network/hold.ts'
import type { NetworkRequest, PortRequest } from '../request.ts'

const PORT = /^(\d+)(?:-(\d+))?\/(tcp|udp|sctp)$/

const readExposed = (text: string): PortRequest[] => {
  const [, first, last = first, protocol] = PORT.exec(text) ?? []
  if (first === undefined) throw new WherryError('invalid-argument', `the exposed port ${JSON.stringify(text)} is none like 80/tcp`)
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, index) => ({
    protocol: protocol as PortRequest['protocol'],
    port: Number(first) + index,
  }))
}

/** Those of -p, and with -P those that are exposed and not published yet. */
export const wantedPorts = ({ ports, publishAll }: NetworkRequest, exposed: readonly string[]): PortRequest[] => {
  const there = new Set(ports.map(({ protocol, port }) => `${port}/${protocol}`))
  const others = publishAll ? exposed.flatMap(readExposed).filter(({ protocol, port }) => !there.has(`${port}/${protocol}`)) : []
  return [...ports, ...others]
}

export interface HeldPorts {
  /** With a port of the machine each. */
  readonly published: readonly PublishedPort[]
  readonly held: readonly HeldPort[]
}

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range'

/** Ports to try for one that may be any: of the range that the kernel itself takes from, beginning anywhere. */
const candidates = function* (): Generator<number> {
  const [first, last] = readFileSync(RANGE, 'utf8').trim().split(/\s+/).map(Number) as [number, number]
  const count = last - first + 1
  const start = Math.floor(Math.random() * count)
  for (let index = 0; index < count; index++) yield first + ((start + index) % count)
}

const isTaken = (error: unknown): boolean => error instanceof WherryError && error.kind === 'already-exists'

/** The machine has IPv6, if_inet6(5). */
const hasIpv6 = (): boolean => existsSync('/proc/net/if_inet6')

/**
 * What is held for one port: all addresses of the families that the container has; and of IPv6's loopback, for which there are no rules, where
 * the container has IPv4 only: `localhost` is both for most programs.
 */
const holdOne = (port: PublishedPort, families: ReadonlySet<4 | 6>): HeldPort[] => {
  const own = holdPorts([port], families)
  if (port.host !== undefined || port.protocol !== 'tcp' || families.has(6) || !hasIpv6()) return own
  try {
    return [...own, ...holdPorts([{ ...port, host: '::1' }], families)]
  } catch (error) {
    // of an address that was not asked for: another's, or the loopback has none
    if (isTaken(error) || (error instanceof WherryError && error.kind === 'invalid-argument')) return own
    close(own)
    throw error
  }
}

const close = (held: readonly HeldPort[]): void => {
  for (const { fd } of held) closeSync(fd)
}

const holdAny = (request: PortRequest, families: ReadonlySet<4 | 6>): { readonly port: PublishedPort; readonly held: HeldPort[] } => {
  for (const hostPort of candidates()) {
    const port = { ...request, hostPort }
    try {
      return { port, held: holdOne(port, families) }
    } catch (error) {
      if (!isTaken(error)) throw error
    }
  }
  throw new WherryError(
    'resource-exhausted',
    `no port of the machine is free for ${request.port}/${request.protocol}: widen net.ipv4.ip_local_port_range`,
  )
}

/** All or none; the caller closes the descriptors. Throws `already-exists` naming the port. @param families that the container has addresses of */
export const holdAll = (requests: readonly PortRequest[], families: ReadonlySet<4 | 6>): HeldPorts => {
  const possible = new Set([...families].filter((family) => family === 4 || hasIpv6()))
  const published: PublishedPort[] = []
  const held: HeldPort[] = []
  try {
    // those that are named first: one that may be any must not take theirs
    for (const request of requests) {
      if (request.hostPort === undefined) continue
      const port = { ...request, hostPort: request.hostPort }
      held.push(...holdOne(port, possible))
      published.push(port)
    }
    for (const request of requests) {
      if (request.hostPort !== undefined) continue
      const found = holdAny(request, possible)
      held.push(...found.held)
      published.push(found.port)
    }
    return { published, held }
  } catch (error) {
    close(held)
    throw error
  }
}
