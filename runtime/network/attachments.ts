/**
 * Who is attached to what, and so which addresses and ports are given away: one file per container and network in the folder of
 * this boot. A file is written *before* anything is made, so whatever a killed process left is known and can be undone.
 *
 *   <run>/networks/<network>/lock            flock(2)
 *   <run>/networks/<network>/<container>     Attachment
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { WherryError } from '../errors.ts'
import { LOCK_EX } from '../sys/abi/fcntl.ts'
import { isErrno } from '../sys/error.ts'
import { syscall } from '../sys/syscall.ts'
import { type Address, contains, formatAddress, formatPrefix, parseAddress } from './address.ts'
import { checkNetworkName, leasable, type NetworkDefinition, type Subnet } from './definition.ts'

export interface PublishedPort {
  readonly protocol: 'tcp' | 'udp' | 'sctp'
  /** Address of the host; absent: all of them. */
  readonly host?: string
  readonly hostPort: number
  readonly port: number
}

export interface Attachment {
  readonly version: 1
  readonly container: string
  readonly network: string
  readonly bridge: string
  /** Name of the host’s end of the pair. */
  readonly link: string
  /** Name inside. */
  readonly interface: string
  readonly mac: string
  /** Without prefix lengths; one per subnet of the network. */
  readonly addresses: readonly string[]
  readonly aliases: readonly string[]
  readonly ports: readonly PublishedPort[]
}

const LOCK = 'lock'

const checkContainer = (container: string): string => {
  if (!/^[a-zA-Z0-9][a-zA-Z0-9_.+-]*$/.test(container) || container === LOCK)
    throw new WherryError('invalid-argument', `${JSON.stringify(container)} is no id of a container`)
  return container
}

export class Attachments {
  readonly #run: string

  /** `run` is the door’s folder of this boot. */
  constructor(run: string) {
    this.#run = run
  }

  #folder(network: string): string {
    return `${this.#run}/networks/${checkNetworkName(network)}`
  }

  /** Runs `work` as the only one who changes this network. Short: the thread waits for others. */
  locked<T>(network: string, work: () => T): T {
    const folder = this.#folder(network)
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const fd = openSync(`${folder}/${LOCK}`, constants.O_RDWR | constants.O_CREAT, 0o600)
    try {
      syscall('flock', [fd, LOCK_EX], { args: [`${folder}/${LOCK}`, 'LOCK_EX'] })
      return work()
    } finally {
      closeSync(fd)
    }
  }

  list(network: string): Attachment[] {
    const folder = this.#folder(network)
    let names: string[]
    try {
      names = readdirSync(folder)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
    return names.flatMap((name) => (name === LOCK || name.startsWith('.') ? [] : (this.find(network, name) ?? [])))
  }

  /** Names of networks that somebody is or was attached to since the boot. */
  networks(): string[] {
    try {
      return readdirSync(`${this.#run}/networks`)
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return []
      throw error
    }
  }

  find(network: string, container: string): Attachment | undefined {
    let text: string
    try {
      text = readFileSync(`${this.#folder(network)}/${checkContainer(container)}`, 'utf8')
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined
      throw error
    }
    const value = JSON.parse(text) as Attachment
    if (value.version !== 1)
      throw new WherryError(
        'unsupported',
        `the attachment of ${container} to ${network} is of version ${String(value.version)}: it was written by another wherry`,
      )
    return value
  }

  write(attachment: Attachment): void {
    const folder = this.#folder(attachment.network)
    const temporary = `${folder}/.${checkContainer(attachment.container)}`
    writeFileSync(temporary, JSON.stringify(attachment), { mode: 0o600 })
    renameSync(temporary, `${folder}/${attachment.container}`)
  }

  remove({ network, container }: Pick<Attachment, 'network' | 'container'>): void {
    rmSync(`${this.#folder(network)}/${checkContainer(container)}`, { force: true })
  }
}

/** The address after the highest that was given, so that one that was just freed rests for a while; from the start where there is none. */
const nextFree = (subnet: Subnet, taken: ReadonlySet<bigint>): bigint | undefined => {
  const [low, high] = leasable(subnet)
  let highest = low - 1n
  for (const value of taken) if (value >= low && value <= high && value > highest) highest = value
  const isFree = (value: bigint): boolean => value !== subnet.gateway.value && !taken.has(value)
  for (let value = highest + 1n; value <= high && value <= highest + 2n; value++) if (isFree(value)) return value
  for (let value = low; value <= high; value++) if (isFree(value)) return value
  return undefined
}

/** One address per subnet: a wanted one, or the next. Throws `already-exists` (naming the holder), `resource-exhausted`, `invalid-argument`. */
export const leaseAddresses = (
  { name, subnets }: NetworkDefinition,
  attachments: readonly Attachment[],
  wanted: readonly Address[] = [],
): Address[] => {
  const holders = new Map(attachments.flatMap(({ addresses, container }) => addresses.map((text) => [text, container])))
  for (const address of wanted) {
    const text = formatAddress(address)
    const home = subnets.find(({ subnet }) => contains(subnet, address))
    if (home === undefined)
      throw new WherryError(
        'invalid-argument',
        `address ${text} is in no subnet of network ${name}: ${subnets.map(({ subnet }) => formatPrefix(subnet)).join(', ')}`,
      )
    const [low, high] = leasable({ subnet: home.subnet, gateway: home.gateway })
    if (address.value === home.gateway.value || address.value < low || address.value > high)
      throw new WherryError('invalid-argument', `address ${text} is none for a container of network ${name}`)
    const holder = holders.get(text)
    if (holder !== undefined) throw new WherryError('already-exists', `address ${text} of network ${name} is container ${holder}'s`)
  }
  return subnets.map((subnet) => {
    const asked = wanted.find((address) => contains(subnet.subnet, address))
    if (asked !== undefined) return asked
    const { family } = subnet.subnet.address
    const taken = new Set(
      [...holders.keys()]
        .map((text) => parseAddress(text))
        .filter((one) => one.family === family)
        .map(({ value }) => value),
    )
    const value = nextFree(subnet, taken)
    if (value === undefined)
      throw new WherryError(
        'resource-exhausted',
        `network ${name} has no free address in ${formatPrefix(subnet.range ?? subnet.subnet)}: remove containers, or make a larger network`,
      )
    return { family, value }
  })
}
