/**
 * The networks there are: <root>/networks/<name>.json, a NetworkDocument each. The default network is there before its file is, which is
 * written when somebody is attached to it first. Making and removing is done with the lock of the folder, for a moment.
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, rmSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import type { Prefix } from '../../../runtime/network/address.ts'
import {
  bridgeName,
  checkNetworkName,
  DEFAULT_NETWORK,
  freeSubnet,
  type NetworkDefinition,
  type NetworkDocument,
  readNetwork,
  writeNetwork,
} from '../../../runtime/network/definition.ts'
import { listAddresses, listRoutes } from '../../../runtime/network/rtnetlink.ts'
import { LOCK_EX } from '../../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { NetlinkSocket } from '../../../runtime/sys/netlink.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { readDocument, syncFolder, writeDocument } from '../documents.ts'
import type { Home } from '../home.ts'
import { timeNow } from '../times.ts'

type Root = Pick<Home, 'root'>

const folderOf = ({ root }: Root): string => `${root}/networks`
const fileOf = (home: Root, name: string): string => `${folderOf(home)}/${checkNetworkName(name)}.json`
const SUFFIX = '.json'

/** Words of --network that are no networks. */
const TAKEN = new Set(['host', 'none', 'container', 'default', 'private', 'ns', 'pasta', 'slirp4netns'])

/** Undefined where there is none. Throws `invalid-argument` naming a file that is not as it must be. */
export const findDefinition = (home: Root, name: string): NetworkDefinition | undefined => {
  const document = readDocument<NetworkDocument>(fileOf(home, name), 1)
  if (document === undefined) return undefined
  try {
    return readNetwork(document)
  } catch (cause) {
    if (!(cause instanceof WherryError)) throw cause
    throw new WherryError('data-loss', `${fileOf(home, name)}: ${cause.message}: mend it, or remove it and make the network anew`, {
      cause,
    })
  }
}

const names = (home: Root): string[] => {
  try {
    return readdirSync(folderOf(home))
      .filter((file) => file.endsWith(SUFFIX))
      .map((file) => file.slice(0, -SUFFIX.length))
      .sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** Those that have files; one that cannot be read is told of and left out. */
export const listDefinitions = (home: Pick<Home, 'root' | 'warn'>): NetworkDefinition[] =>
  names(home).flatMap((name) => {
    try {
      return findDefinition(home, name) ?? []
    } catch (error) {
      if (!(error instanceof WherryError)) throw error
      home.warn(error.message)
      return []
    }
  })

/** Runs `work` as the only one who makes or removes networks. Short: the thread waits for others. */
const locked = <T>(home: Root, work: () => T): T => {
  const folder = folderOf(home)
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const path = `${folder}/.lock`
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    syscall('flock', [fd, LOCK_EX], { args: [path, 'LOCK_EX'] })
    return work()
  } finally {
    closeSync(fd)
  }
}

/** What a new network must not overlap: what the machine has addresses in and routes to, and what other networks have. */
export const prefixesTaken = (definitions: readonly NetworkDefinition[]): Prefix[] => {
  using socket = new NetlinkSocket()
  return [
    ...listAddresses(socket).map(({ prefix }) => prefix),
    ...listRoutes(socket).flatMap(({ destination }) => (destination === undefined || destination.length === 0 ? [] : [destination])),
    ...definitions.flatMap(({ subnets }) => subnets.map(({ subnet }) => subnet)),
  ]
}

const write = (home: Root, definition: NetworkDefinition): void =>
  writeDocument(fileOf(home, definition.name), writeNetwork(definition), { durable: true })

/**
 * Writes down what `make` gives, which is told of the networks there are. Throws `already-exists`, and what `make` throws.
 */
export const addDefinition = (
  home: Pick<Home, 'root' | 'warn'>,
  name: string,
  make: (others: readonly NetworkDefinition[]) => NetworkDefinition,
): NetworkDefinition => {
  checkNetworkName(name)
  if (TAKEN.has(name))
    throw new WherryError('invalid-argument', `${name} cannot be the name of a network: it has a meaning of its own behind --network`)
  return locked(home, () => {
    if (findDefinition(home, name) !== undefined || name === DEFAULT_NETWORK)
      throw new WherryError('already-exists', `there is a network ${name}: remove it (wherry network rm ${name}), or choose another name`)
    const definition = make(listDefinitions(home))
    write(home, definition)
    return definition
  })
}

/** Makes the default network's file where it is missing. */
export const ensureDefault = (home: Pick<Home, 'root' | 'warn'>): NetworkDefinition =>
  findDefinition(home, DEFAULT_NETWORK) ??
  locked(home, () => {
    const there = findDefinition(home, DEFAULT_NETWORK)
    if (there !== undefined) return there
    const taken = prefixesTaken(listDefinitions(home))
    const definition: NetworkDefinition = {
      name: DEFAULT_NETWORK,
      bridge: bridgeName(DEFAULT_NETWORK),
      subnets: [freeSubnet(4, taken), freeSubnet(6, taken)],
      internal: false,
      labels: {},
      created: timeNow(),
    }
    write(home, definition)
    return definition
  })

/** Takes the file away, if `check` does not throw. True if there was one. */
export const dropDefinition = (home: Root, name: string, check: () => void): boolean =>
  locked(home, () => {
    if (findDefinition(home, name) === undefined) return false
    check()
    rmSync(fileOf(home, name), { force: true })
    syncFolder(folderOf(home))
    return true
  })
