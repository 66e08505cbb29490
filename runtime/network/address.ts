/** IP addresses and prefixes as numbers: RFC 4291, RFC 4632. */
import { WherryError } from '../errors.ts'
import { familyOf } from './family.ts'

export interface Address {
  readonly family: 4 | 6
  readonly value: bigint
}

export interface Prefix {
  readonly address: Address
  /** Bits of the network. */
  readonly length: number
}

export const bitsOf = ({ family }: Pick<Address, 'family'>): number => (family === 4 ? 32 : 128)

const value4 = (text: string): bigint => text.split('.').reduce((value, part) => (value << 8n) | BigInt(part), 0n)

const value6 = (text: string): bigint => {
  const embedded = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text)
  const last = embedded === null ? 0n : value4(embedded[2]!)
  const plain = embedded === null ? text : `${embedded[1]}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`
  const [head = '', tail] = plain.split('::')
  const groups = (part: string): string[] => (part === '' ? [] : part.split(':'))
  const [before, after] = [groups(head), groups(tail ?? '')]
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n)
}

/** Throws `invalid-argument`; `what` names whose it is. Zones (`fe80::1%eth0`) are none of an address. */
export const parseAddress = (text: string, what = 'address'): Address => {
  const family = familyOf(text)
  if (family !== undefined) return { family, value: family === 4 ? value4(text) : value6(text) }
  throw new WherryError('invalid-argument', `${what}: ${JSON.stringify(text)} is no IP address`)
}

/** RFC 5952 for IPv6. */
export const formatAddress = ({ family, value }: Address): string => {
  if (family === 4) return [24n, 16n, 8n, 0n].map((shift) => String((value >> shift) & 0xffn)).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => Number((value >> BigInt(112 - 16 * index)) & 0xffffn))
  let best = { at: -1, length: 1 }
  for (let at = 0; at < 8; at++) {
    let length = 0
    while (groups[at + length] === 0) length += 1
    if (length > best.length) best = { at, length }
  }
  const hex = (part: readonly number[]): string => part.map((group) => group.toString(16)).join(':')
  return best.at < 0 ? hex(groups) : `${hex(groups.slice(0, best.at))}::${hex(groups.slice(best.at + best.length))}`
}

export const addressBytes = ({ family, value }: Address): Buffer =>
  Buffer.from(value.toString(16).padStart(family === 4 ? 8 : 32, '0'), 'hex')

export const addressOfBytes = (bytes: Uint8Array): Address => ({
  family: bytes.length === 4 ? 4 : 6,
  value: BigInt(`0x${Buffer.from(bytes).toString('hex') || '0'}`),
})

export const parsePrefix = (text: string, what = 'prefix'): Prefix => {
  const [, host, length] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? []
  if (host === undefined) throw new WherryError('invalid-argument', `${what}: ${JSON.stringify(text)} is no prefix like 10.88.0.0/16`)
  const address = parseAddress(host, what)
  if (Number(length) > bitsOf(address))
    throw new WherryError(
      'invalid-argument',
      `${what}: a prefix of IPv${address.family} has at most ${bitsOf(address)} bits, not ${length}`,
    )
  return { address, length: Number(length) }
}

export const formatPrefix = ({ address, length }: Prefix): string => `${formatAddress(address)}/${length}`

const hostMask = ({ address, length }: Prefix): bigint => (1n << BigInt(bitsOf(address) - length)) - 1n

/** The prefix with its host bits cleared. */
export const networkOf = (prefix: Prefix): Prefix => ({
  address: { family: prefix.address.family, value: prefix.address.value & ~hostMask(prefix) },
  length: prefix.length,
})

/** The last address: of IPv4 the broadcast address. */
export const lastOf = (prefix: Prefix): Address => ({ family: prefix.address.family, value: prefix.address.value | hostMask(prefix) })

export const contains = (prefix: Prefix, address: Address): boolean =>
  prefix.address.family === address.family &&
  networkOf({ address, length: prefix.length }).address.value === networkOf(prefix).address.value

export const overlaps = (one: Prefix, other: Prefix): boolean =>
  one.length <= other.length ? contains(one, other.address) : contains(other, one.address)

export const nth = (prefix: Prefix, index: bigint): Address => ({
  family: prefix.address.family,
  value: networkOf(prefix).address.value + index,
})
