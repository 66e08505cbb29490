/** Sets of capabilities as bit masks, and as capset(2) takes them; capabilities(7). */
import { readFileSync } from 'node:fs'
import { WherryError } from './errors.ts'
import {
  CAP_DATA,
  CAP_HEADER,
  CAPABILITIES,
  type CapabilityName,
  _LINUX_CAPABILITY_U32S_3,
  _LINUX_CAPABILITY_VERSION_3,
} from './sys/abi/capability.ts'

/** All names, by bit. */
export const CAPABILITY_NAMES = Object.keys(CAPABILITIES) as readonly CapabilityName[]

export const isCapability = (name: string): name is CapabilityName => Object.hasOwn(CAPABILITIES, name)

/** The mask of `names`; throws WherryError 'invalid-argument' for a name that capabilities(7) does not have. */
export const capabilityMask = (names: Iterable<string>): bigint => {
  let mask = 0n
  for (const name of names) {
    if (!isCapability(name)) throw new WherryError('invalid-argument', `${JSON.stringify(name)} is no capability: see capabilities(7)`)
    mask |= 1n << BigInt(CAPABILITIES[name])
  }
  return mask
}

/** The bits that are set, lowest first. */
export const capabilityBits = (mask: bigint): number[] => {
  const bits: number[] = []
  for (let bit = 0; mask >> BigInt(bit) !== 0n; bit++) if (((mask >> BigInt(bit)) & 1n) === 1n) bits.push(bit)
  return bits
}

/** The names in `mask`, lowest bit first; bits without a name are left out. */
export const capabilityNames = (mask: bigint): CapabilityName[] =>
  CAPABILITY_NAMES.filter((name) => ((mask >> BigInt(CAPABILITIES[name])) & 1n) === 1n)

let last: number | undefined

/** CAP_LAST_CAP of the running kernel, which may be lower or higher than the highest name here. */
export const lastCapability = (): number => {
  last ??= Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'utf8'))
  return last
}

/** All capabilities of the running kernel. */
export const allCapabilities = (): bigint => (1n << BigInt(lastCapability() + 1)) - 1n

export interface CapabilityState {
  readonly effective: bigint
  readonly permitted: bigint
  readonly inheritable: bigint
}

/** struct __user_cap_header_struct for a thread of this process, 0 the calling one. */
export const capabilityHeader = (pid = 0): Uint8Array => {
  const header = Buffer.alloc(CAP_HEADER.size)
  header.writeUInt32LE(_LINUX_CAPABILITY_VERSION_3, CAP_HEADER.version)
  header.writeInt32LE(pid, CAP_HEADER.pid)
  return header
}

const FIELDS = ['effective', 'permitted', 'inheritable'] as const satisfies readonly (keyof CapabilityState)[]

/** struct __user_cap_data_struct[2], low and high 32 bits, for capset(2). */
export const capabilityData = (state: CapabilityState): Uint8Array => {
  const data = Buffer.alloc(CAP_DATA.size * _LINUX_CAPABILITY_U32S_3)
  for (const field of FIELDS) {
    data.writeUInt32LE(Number(state[field] & 0xffffffffn), CAP_DATA[field])
    data.writeUInt32LE(Number(state[field] >> 32n), CAP_DATA.size + CAP_DATA[field])
  }
  return data
}

/** What capget(2) filled in. */
export const readCapabilityData = (data: Uint8Array): CapabilityState => {
  const view = new DataView(data.buffer, data.byteOffset, CAP_DATA.size * _LINUX_CAPABILITY_U32S_3)
  const set = (field: keyof CapabilityState): bigint =>
    (BigInt(view.getUint32(CAP_DATA.size + CAP_DATA[field], true)) << 32n) | BigInt(view.getUint32(CAP_DATA[field], true))
  return { effective: set('effective'), permitted: set('permitted'), inheritable: set('inheritable') }
}

/** Docker’s fourteen, which containers have where nobody asks for others. */
export const DEFAULT_CAPABILITIES: readonly string[] = [
  'CAP_AUDIT_WRITE',
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_MKNOD',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_RAW',
  'CAP_SETFCAP',
  'CAP_SETGID',
  'CAP_SETPCAP',
  'CAP_SETUID',
  'CAP_SYS_CHROOT',
]
