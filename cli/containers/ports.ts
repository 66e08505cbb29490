/** Ports of a container: those that are published while it runs, and those that its image or user names. */
import { Attachments, type PublishedPort } from '../../runtime/network/attachments.ts'
import type { Home } from './home.ts'
import { readRun, type RunRecord } from './run-record.ts'
import type { Container } from './store.ts'

/** What holds now, of all networks. */
export const publishedPorts = (home: Pick<Home, 'root' | 'runRoot'>, id: string): PublishedPort[] => publisher(home)(id, readRun(home, id))

/** The same for many containers, where the networks are known once. */
export const publisher = (home: Pick<Home, 'runRoot'>): ((id: string, run: RunRecord | undefined) => PublishedPort[]) => {
  const attachments = new Attachments(home.runRoot)
  const networks = attachments.networks()
  return (id, run) => [...(run?.ports ?? []), ...networks.flatMap((network) => attachments.find(network, id)?.ports ?? [])]
}

/** `[::]:8080`, `127.0.0.1:8080` */
export const hostOf = (host: string, port: number): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)

/** Both wildcard addresses where none is named. */
export const hostsOf = ({ host }: PublishedPort): readonly string[] => (host === undefined ? ['0.0.0.0', '::'] : [host])

/** `80/tcp` */
export const portName = ({ port, protocol }: Pick<PublishedPort, 'port' | 'protocol'>): string => `${port}/${protocol}`

const number = (name: string): number => Number(name.split('/')[0])

/** As ps shows it: `0.0.0.0:8080->80/tcp, [::]:8080->80/tcp, 443/tcp`. */
export const portsColumn = (published: readonly PublishedPort[], { config }: Container): string => {
  const names = new Set(published.map(portName))
  const shown = published
    .toSorted((a, b) => a.port - b.port || a.hostPort - b.hostPort)
    .flatMap((port) => hostsOf(port).map((host) => `${hostOf(host, port.hostPort)}->${portName(port)}`))
  const others = config.process.exposed.filter((name) => !names.has(name)).sort((a, b) => number(a) - number(b))
  return [...shown, ...others].join(', ')
}
