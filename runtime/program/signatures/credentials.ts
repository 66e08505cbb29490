/** Users, groups and capabilities: setresuid(2), setgroups(2), capset(2). */
import { _LINUX_CAPABILITY_VERSION_3, CAP_DATA, CAP_HEADER, CAPABILITIES } from '../../sys/abi/capability.ts'
import { flagsText, pick } from './constants.ts'
import { hex, id, type Kind, out, type Signature, pid, pointer, scalar, type Scope, size, Variable } from './kind.ts'
import type { Ref } from '../operand.ts'
import { layout, numbers, struct } from './struct.ts'

const version: Kind = scalar((value) => (value === BigInt(_LINUX_CAPABILITY_VERSION_3) ? '_LINUX_CAPABILITY_VERSION_3' : hex(value)))

const header = struct(
  layout([
    ['version', CAP_HEADER.version, 4, version],
    ['pid', CAP_HEADER.pid, 4, pid],
  ]),
)

const BITS = pick(Object.fromEntries(Object.entries(CAPABILITIES).map(([name, bit]) => [name, 1n << BigInt(bit)])), /^CAP_/)

/** A field of both structs of the array: the low and the high 32 bits of a set. */
const setAt = (at: Ref, offset: number, scope: Scope): string => {
  const [low, high] = [0, CAP_DATA.size].map((struct) => scope.memory.read(at.plus(struct + offset), 4))
  if (typeof low !== 'bigint' || typeof high !== 'bigint') return low instanceof Variable ? low.name : scope.memory.name(at.plus(offset))
  const set = (high << 32n) | low
  return set === 0n ? '0' : flagsText(set, BITS, scope)
}

/** Sets that are the same are written once: `{effective=permitted=CAP_KILL, inheritable=0}`. */
const sets: Kind = pointer((at, scope) => {
  const names = new Map<string, string[]>()
  for (const [name, offset] of Object.entries(CAP_DATA)) {
    if (name === 'size') continue
    const text = setAt(at, offset, scope)
    names.set(text, [...(names.get(text) ?? []), name])
  }
  return `{${[...names].map(([text, fields]) => [...fields, text].join('=')).join(', ')}}`
})

export const CREDENTIALS = {
  getuid: {},
  geteuid: {},
  getgid: {},
  getegid: {},
  setuid: { uid: id },
  setgid: { gid: id },
  setreuid: { ruid: id, euid: id },
  setregid: { rgid: id, egid: id },
  setresuid: { ruid: id, euid: id, suid: id },
  setresgid: { rgid: id, egid: id, sgid: id },
  setfsuid: { fsuid: id },
  setfsgid: { fsgid: id },
  setgroups: { size, list: numbers(4, 0, id) },
  getgroups: { size, list: out },
  capget: { hdrp: header, datap: out },
  capset: { hdrp: header, datap: sets },
} as const satisfies Readonly<Record<string, Signature>>
