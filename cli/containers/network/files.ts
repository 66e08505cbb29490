/**
 * The files of a container that say who it is and whom it can ask: /etc/hosts, /etc/resolv.conf, /etc/hostname. They lie in its folder of this
 * boot and are bind-mounted, so they are changed in place; names of others in the same networks are written when those come and go.
 */
import { closeSync, constants, fchownSync, fstatSync, ftruncateSync, mkdirSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import { formatAddress } from '../../../runtime/network/address.ts'
import { DEFAULT_NETWORK } from '../../../runtime/network/definition.ts'
import { LOCK_EX } from '../../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { shortId } from '../ids.ts'
import { readConfig } from '../store.ts'
import { findDefinition } from './definitions.ts'
import { type Endpoint, endpoints } from './endpoints.ts'
import { type HostsEntry, hostsText, LOCALHOST, mergeHosts } from './hosts.ts'
import { resolverText } from './resolver.ts'

type File = 'hosts' | 'resolv.conf' | 'hostname'
const MODE = 0o644
/** Bytes of a hosts file that somebody in the container has written to; of a larger one nothing is kept. */
const LARGEST = 256 * 1024

/** Ids of the machine that the container's root has. */
export interface Owner {
  readonly uid: number
  readonly gid: number
}

type Roots = Pick<Home, 'root' | 'runRoot'>

const fileOf = (home: Roots, id: string, file: File): string => `${placesOf(home, id).run}/${file}`
/** What we wrote last: what else there is in the file somebody in the container has added. */
const writtenOf = (home: Roots, id: string): string => `${placesOf(home, id).run}/hosts.written`

/** Of the machine, uname(2). */
const machineName = (): string => readFileSync('/proc/sys/kernel/hostname', 'utf8').trim()

/** As uname(2) says in the container. */
export const hostNameOf = ({ id, request }: Pick<ContainerConfig, 'id' | 'request'>): string =>
  request.hostname ?? (request.uts.mode === 'host' || request.network.mode === 'host' ? machineName() : shortId(id))

const ownNames = (config: ContainerConfig): string[] => {
  const name = hostNameOf(config)
  const { domainname } = config.request
  return domainname === undefined || domainname === '' ? [name] : [`${name}.${domainname}`, name]
}

/** By which others of its networks find it. */
export const aliasesOf = (config: ContainerConfig, asked: readonly string[]): string[] => [
  ...new Set([config.name, shortId(config.id), ...(config.request.hostname === undefined ? [] : [config.request.hostname]), ...asked]),
]

/** Addresses by which the container reaches the machine. */
const gatewaysOf = (home: Home, config: ContainerConfig, own: readonly Endpoint[]): readonly string[] => {
  if (config.request.network.mode === 'host') return ['127.0.0.1']
  const found = own.map(({ kind, network, gateways }) =>
    kind === 'cni' ? gateways : (findDefinition(home, network)?.subnets ?? []).map(({ gateway }) => formatAddress(gateway)),
  )
  return found.find((addresses) => addresses.length > 0) ?? []
}

const HOST_GATEWAY = 'host-gateway'

/** --add-host */
const added = (home: Home, config: ContainerConfig, own: readonly Endpoint[]): HostsEntry[] =>
  config.request.network.hosts.flatMap((text) => {
    const at = text.indexOf(':')
    const [name, address] = [text.slice(0, at), text.slice(at + 1)]
    const addresses = address === HOST_GATEWAY ? gatewaysOf(home, config, own) : [address]
    return addresses.map((one) => ({ address: one, names: [name] }))
  })

/** Others of the networks that it is in; in the default network nobody has a name, as in docker. */
const peers = (own: readonly Endpoint[], all: readonly Endpoint[]): HostsEntry[] =>
  own
    .filter(({ network }) => network !== DEFAULT_NETWORK)
    .flatMap(({ network, container }) => all.filter((other) => other.network === network && other.container !== container))
    .flatMap(({ addresses, aliases }) => addresses.map((address) => ({ address, names: aliases })))

const ownEntries = (config: ContainerConfig, own: readonly Endpoint[]): HostsEntry[] =>
  own.flatMap(({ addresses, aliases, network }) =>
    addresses.map((address) => ({ address, names: [...ownNames(config), ...(network === DEFAULT_NETWORK ? [] : aliases)] })),
  )

const hostsOf = (home: Home, config: ContainerConfig, all: readonly Endpoint[]): string => {
  const own = all.filter(({ container }) => container === config.id)
  const others = added(home, config, own)
  if (config.request.network.mode === 'host') {
    const text = readHostFile('/etc/hosts')
    return `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${hostsText(others)}`
  }
  const lone: HostsEntry[] = own.length === 0 ? [{ address: '127.0.0.1', names: ownNames(config) }] : []
  return hostsText([...LOCALHOST, ...others, ...lone, ...ownEntries(config, own), ...peers(own, all)])
}

const readHostFile = (path: string): string => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return ''
    throw error
  }
}

/** All of it, in one write: who reads meanwhile sees what was or what is, and perhaps empty lines behind it. */
const overwrite = (fd: number, text: string): void => {
  const bytes = Buffer.from(text)
  const { size } = fstatSync(fd)
  const padded = size > bytes.length && size <= LARGEST ? Buffer.concat([bytes, Buffer.alloc(size - bytes.length, '\n')]) : bytes
  for (let at = 0; at < padded.length; ) at += writeSync(fd, padded, at, padded.length - at, at)
  ftruncateSync(fd, bytes.length)
}

const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW

const writeFile = (path: string, text: string, owner?: Owner): void => {
  const fd = openSync(path, FLAGS, MODE)
  try {
    if (owner !== undefined) fchownSync(fd, owner.uid, owner.gid)
    overwrite(fd, text)
  } finally {
    closeSync(fd)
  }
}

const updateHosts = (home: Home, config: ContainerConfig, all: readonly Endpoint[]): void => {
  let fd: number
  try {
    fd = openSync(fileOf(home, config.id, 'hosts'), constants.O_RDWR | constants.O_NOFOLLOW)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return // it is being taken away, or has a file of its own
    throw error
  }
  try {
    const now = hostsOf(home, config, all)
    const before = readHostFile(writtenOf(home, config.id))
    const bytes = Buffer.alloc(Math.min(fstatSync(fd).size, LARGEST))
    const read = readSync(fd, bytes, 0, bytes.length, 0)
    const current = fstatSync(fd).size > LARGEST ? '' : bytes.toString('utf8', 0, read)
    const merged = mergeHosts(current, before, now)
    if (merged !== current) overwrite(fd, merged)
    writeFile(writtenOf(home, config.id), now)
  } finally {
    closeSync(fd)
  }
}

/** Runs `work` as the only one who writes hosts files: what is written last then knows of all that came before. Short. */
const locked = <T>({ runRoot }: Home, work: () => T): T => {
  mkdirSync(runRoot, { recursive: true, mode: 0o700 })
  const path = `${runRoot}/hosts.lock`
  const fd = openSync(path, FLAGS, 0o600)
  try {
    syscall('flock', [fd, LOCK_EX], { args: [path, 'LOCK_EX'] })
    return work()
  } finally {
    closeSync(fd)
  }
}

/** Writes anew the hosts of everybody in these networks, and of `ids`. */
export const refreshHosts = (home: Home, networks: readonly string[], ids: readonly string[] = []): void => {
  const shared = networks.filter((network) => network !== DEFAULT_NETWORK)
  if (shared.length === 0 && ids.length === 0) return
  locked(home, () => {
    const all = endpoints(home)
    const concerned = new Set([...ids, ...all.filter(({ network }) => shared.includes(network)).map(({ container }) => container)])
    for (const id of concerned) {
      const config = readConfig(home, id)
      if (config !== undefined) updateHosts(home, config, all)
    }
  })
}

/** What a container's resolver can reach. */
const reachOf = (home: Home, { request }: ContainerConfig, networks: readonly string[]) => {
  if (request.network.mode === 'host') return { reach: 'host', ipv6: true } as const
  const built = networks.map((name) => findDefinition(home, name))
  const away = request.network.mode === 'none' || (built.length > 0 && built.every((definition) => definition?.internal === true))
  const ipv6 = built.some((definition) => definition === undefined || definition.subnets.some(({ subnet }) => subnet.address.family === 6))
  return { reach: away ? 'away' : 'network', ipv6 } as const
}

export interface FileOptions {
  /** Names of the networks it will be in. */
  readonly networks: readonly string[]
  /** Root by default. */
  readonly owner?: Owner
}

/** Writes all three as they are before it is attached anywhere. */
export const writeFiles = (home: Home, config: ContainerConfig, { networks, owner }: FileOptions): void => {
  const { network } = config.request
  if (network.mode === 'none' && network.hosts.some((text) => text.endsWith(`:${HOST_GATEWAY}`)))
    throw new WherryError('invalid-argument', '--add-host with host-gateway: with --network none there is no way to the machine')
  mkdirSync(placesOf(home, config.id).run, { recursive: true, mode: 0o700 })
  const hosts = hostsOf(home, config, [])
  writeFile(fileOf(home, config.id, 'hosts'), hosts, owner)
  writeFile(writtenOf(home, config.id), hosts)
  writeFile(fileOf(home, config.id, 'hostname'), `${hostNameOf(config)}\n`, owner)
  writeFile(fileOf(home, config.id, 'resolv.conf'), resolverText(network, { ...reachOf(home, config, networks), warn: home.warn }), owner)
}

/** Paths of the files: what is bind-mounted. */
export interface FilePaths {
  readonly hosts: string
  readonly resolvConf: string
  readonly hostname: string
}

/** Of the container whose network it is. */
export const filePaths = (home: Roots, id: string): FilePaths => ({
  hosts: fileOf(home, id, 'hosts'),
  resolvConf: fileOf(home, id, 'resolv.conf'),
  hostname: fileOf(home, id, 'hostname'),
})

/** Paths to be removed with a run. */
export const filesOf = (home: Roots, id: string): string[] => [...Object.values(filePaths(home, id)), writtenOf(home, id)]
