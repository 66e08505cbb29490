/**
 * How the arguments of system calls and the fields of structs are written, as strace(1) writes them. A kind turns a value into
 * text; what is not known before the program runs (a result of an earlier op) is written by its name, whatever its kind.
 */
import { AT_FDCWD } from '../../sys/abi/fcntl.ts'
import type { Arch } from '../../sys/abi/syscalls.ts'
import { Ref } from '../operand.ts'

/** A value that the program finds out when it runs. */
export class Variable {
  readonly #name: () => string
  /** Where it is kept. */
  readonly at: Ref
  constructor(name: () => string, at: Ref) {
    this.#name = name
    this.at = at
  }
  /** Found when asked for: what a place is called may depend on the whole program. */
  get name(): string {
    return this.#name()
  }
}

/** A constant (64 bits, unsigned), an address or a name. */
export type Value = bigint | Ref | Variable

/** The program's memory before it runs. */
export interface Memory {
  /** The `width` bytes there; a name, where an op stores its result. */
  read(at: Ref, width: number): Value
  /** The initial bytes from there to the end of the block; undefined for a buffer that is filled later. */
  bytes(at: Ref): Uint8Array | undefined
  /** What is kept there: `status`, `fds[1].revents`. */
  name(at: Ref): string
  /** The address: `statxbuf`, `page+16`. */
  address(at: Ref): string
  /** What the descriptor that is kept there was opened as, `</proc/self/uid_map>`; undefined where there is no one answer. */
  opened(at: Ref): string | undefined
  /** What a descriptor is that the program is started with, as `opened`. */
  descriptor(number: number): string | undefined
  /** Whether an op reads what is there: then its name is written before its content. */
  isRead(at: Ref): boolean
}

/** What a kind can look at besides the value. */
export interface Scope {
  readonly arch: Arch
  /** All arguments of the call. */
  readonly args: readonly Value[]
  readonly memory: Memory
  /** For the message of an error: secrets and what is of no use there are left out. */
  readonly brief: boolean
}

export interface Kind {
  (value: Value, scope: Scope): string
  /** Of a pointer: the fields of what it points to. */
  readonly layout?: (arch: Arch) => Layout
  /** Whether messages have it: a value of zero is left out there, unless it means something. */
  readonly inMessage?: 'always' | 'never'
}

export interface Field {
  readonly name: string
  /** Bytes from the beginning of the struct. */
  readonly offset: number
  /** Bytes. */
  readonly width: number
  readonly kind: Kind
  /** Written even where it is zero: descriptor 0 is a value too. */
  readonly always: boolean
}

export interface Layout {
  readonly fields: readonly Field[]
  /** Of an array: bytes of an element. */
  readonly stride: number | undefined
}

/** Parameters in order, by name; one whose name ends in `?` need not be written where it is zero, as C has it. */
export type Signature = Readonly<Record<string, Kind>>

export interface Parameter {
  readonly name: string
  readonly kind: Kind
  readonly optional: boolean
}

const signed = (value: bigint): bigint => BigInt.asIntN(64, value)

/** A kind for constants; addresses and names are written as they are. */
export const scalar =
  (write: (value: bigint, scope: Scope) => string): Kind =>
  (value, scope) =>
    value instanceof Variable ? value.name : value instanceof Ref ? scope.memory.address(value) : write(value, scope)

/** A kind for addresses. Zero is NULL. */
export const pointer =
  (write: (value: Ref, scope: Scope) => string): Kind =>
  (value, scope) =>
    value instanceof Ref ? write(value, scope) : value instanceof Variable ? value.name : value === 0n ? 'NULL' : hex(value)

/** Another kind by what the other arguments are. */
export const depends =
  (choose: (args: readonly Value[], scope: Scope) => Kind): Kind =>
  (value, scope) =>
    choose(scope.args, scope)(value, scope)

/** A constant as a number, where it is one. */
export const constant = (value: Value | undefined): number | undefined => (typeof value === 'bigint' ? Number(signed(value)) : undefined)

export const hex = (value: bigint): string => `0x${value.toString(16)}`

/** 64 bits with sign. */
export const long = scalar((value) => String(signed(value)))
/** 32 bits with sign; also written as the unsigned number of the same bits. */
export const int = scalar((value) => String(value >> 32n === 0n ? BigInt.asIntN(32, value) : signed(value)))
/** 32 bits without sign; all bits set is `~0U`. */
export const uint = scalar((value) => (BigInt.asUintN(32, value) === 0xffff_ffffn ? '~0U' : String(value)))
/** How long another argument is. */
export const size: Kind = Object.assign(
  scalar((value) => String(signed(value))),
  { inMessage: 'never' } as const,
)
export const address = pointer((value, scope) => scope.memory.address(value))
export const word = scalar((value) => (value > 0xffffn ? hex(value) : String(value)))
/** A mode of a file without its type, octal. */
export const octal = scalar((value) => (value === 0n ? '0' : `0${value.toString(8).padStart(3, '0')}`))
/** A descriptor. Messages tell what was opened, if they can. */
export const fd: Kind = Object.assign(
  (value: Value, scope: Scope) => {
    const { brief, memory } = scope
    if (value instanceof Variable) return (brief ? memory.opened(value.at) : undefined) ?? value.name
    if (value instanceof Ref) return int(value, scope)
    const number = Number(BigInt.asIntN(32, value))
    if (number === AT_FDCWD) return 'AT_FDCWD'
    const known = memory.descriptor(number)
    return known === undefined ? String(number) : brief ? known : `${number}${known}`
  },
  { inMessage: 'always' } as const,
)
/** A user or group, 32 bits; -1 leaves it as it is. */
export const id: Kind = Object.assign(
  scalar((value) => (BigInt.asUintN(32, value) === 0xffff_ffffn ? '-1' : String(BigInt.asUintN(32, value)))),
  { inMessage: 'always' } as const,
)
/** A process; 0 is the caller in most calls. */
export const pid = int
/** Where something is stored: only its name is known. */
export const out: Kind = Object.assign(
  pointer((value, scope) => scope.memory.address(value)),
  { inMessage: 'never' } as const,
)
/** As `out`, of a struct. */
export const outOf = (layout: Layout | ((arch: Arch) => Layout)): Kind =>
  Object.assign((value: Value, scope: Scope) => out(value, scope), {
    layout: typeof layout === 'function' ? layout : () => layout,
    inMessage: 'never',
  } as const)
