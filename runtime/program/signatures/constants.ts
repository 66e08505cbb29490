/** Numbers written by the names of the kernel's headers. The names come from runtime/sys/abi. */
import type { Arch } from '../../sys/abi/syscalls.ts'
import { hex, type Kind, type Scope, scalar } from './kind.ts'

interface Constant {
  readonly name: string
  readonly value: bigint
}

/** Named numbers of one kind, which may differ between architectures. */
export interface Table {
  readonly on: (arch: Arch) => readonly Constant[]
}

/** A table that is made when it is first looked at: few of them are needed to tell of one failure. */
const lazy = (make: (arch: Arch) => Constant[]): Table => {
  const made = new Map<Arch, readonly Constant[]>()
  return {
    on: (arch) => {
      let constants = made.get(arch)
      if (constants === undefined) {
        constants = make(arch).sort((a, b) => bits(b.value) - bits(a.value))
        made.set(arch, constants)
      }
      return constants
    },
  }
}

const bits = (value: bigint): number => value.toString(2).replaceAll('0', '').length

/** Those exports of `module` whose names match; what differs between architectures is `{ x64, arm64 }` there. */
export const pick = (module: object, names: RegExp): Table =>
  lazy((arch) =>
    Object.entries(module as Readonly<Record<string, unknown>>).flatMap(([name, exported]) => {
      if (!names.test(name)) return []
      const value = typeof exported === 'object' && exported !== null ? (exported as Readonly<Record<string, unknown>>)[arch] : exported
      return typeof value === 'number' || typeof value === 'bigint' ? [{ name, value: BigInt.asUintN(64, BigInt(value)) }] : []
    }),
  )

export const join = (...tables: readonly Table[]): Table => lazy((arch) => tables.flatMap(({ on }) => on(arch)))

/** What messages leave out: it is always there and explains no failure. */
const USUAL = /_(CLOEXEC|EMPTY_PATH)$/

/** `MS_NOSUID|MS_NODEV|0x80000000`, lowest bit first, close-on-exec last. Of constants with several bits the widest that fits is taken. */
export const flagsText = (value: bigint, table: Table, { arch, brief }: Pick<Scope, 'arch' | 'brief'>): string => {
  let rest = value
  const found: Constant[] = []
  for (const constant of table.on(arch)) {
    if (constant.value === 0n || (rest & constant.value) !== constant.value) continue
    if (!brief || !USUAL.test(constant.name)) found.push(constant)
    rest &= ~constant.value
  }
  const last = ({ name }: Constant) => Number(name.endsWith('_CLOEXEC'))
  found.sort((a, b) => last(a) - last(b) || (a.value < b.value ? -1 : 1))
  const names = found.map(({ name }) => name)
  if (rest !== 0n) names.push(hex(rest))
  return names.length === 0 ? '0' : names.join('|')
}

/** Parts of one number, those that are nothing left out. */
export const combine = (...parts: readonly string[]): string => parts.filter((part) => part !== '' && part !== '0').join('|') || '0'

/** A combination of bits; none is 0. */
export const flags = (table: Table): Kind => scalar((value, scope) => (value === 0n ? '0' : flagsText(value, table, scope)))

/** One of several numbers, also negative ones of 32 bits. */
export const enumeration = (table: Table): Kind =>
  scalar((value, { arch }) => {
    const found = table.on(arch).find((constant) => constant.value === value || BigInt.asUintN(32, constant.value) === value)
    return found?.name ?? (value > 0xffffn ? hex(value) : String(value))
  })
