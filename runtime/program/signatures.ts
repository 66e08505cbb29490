/**
 * The parameters of the system calls that programs make, as the man pages name them, and how each is written. A call that is
 * not here is printed with numbers.
 */
import type { Arch, SyscallName } from '../sys/abi/syscalls.ts'
import { CREDENTIALS } from './signatures/credentials.ts'
import { DESCRIPTORS } from './signatures/descriptors.ts'
import { FILES } from './signatures/files.ts'
import { type Kind, type Parameter, type Signature, word } from './signatures/kind.ts'
import { LIMITS } from './signatures/limits.ts'
import { MEMORY } from './signatures/memory.ts'
import { MOUNTS } from './signatures/mounts.ts'
import { PROCESSES } from './signatures/processes.ts'
import { SIGNALS } from './signatures/signals.ts'
import { SOCKETS } from './signatures/sockets.ts'
import { TIMES } from './signatures/times.ts'

export const SIGNATURES: Readonly<Partial<Record<SyscallName, Signature>>> = {
  ...FILES,
  ...DESCRIPTORS,
  ...MOUNTS,
  ...PROCESSES,
  ...LIMITS,
  ...MEMORY,
  ...CREDENTIALS,
  ...SIGNALS,
  ...SOCKETS,
  ...TIMES,
}

const listed = (signature: Signature): Parameter[] =>
  Object.entries<Kind>(signature).map(([name, kind]) => ({ name: name.replace('?', ''), kind, optional: name.endsWith('?') }))

const UNKNOWN = listed({ arg0: word, arg1: word, arg2: word, arg3: word, arg4: word, arg5: word })
const lists = new Map<string, readonly Parameter[]>()

/** The parameters of `call`; six numbers where it is not in the table. clone(2) has its last two the other way round on arm64. */
export const parametersOf = (call: SyscallName, arch: Arch): readonly Parameter[] => {
  const signature = SIGNATURES[call]
  if (signature === undefined) return UNKNOWN
  const key = `${arch} ${call}`
  let list = lists.get(key)
  if (list === undefined) {
    list = listed(signature)
    if (call === 'clone' && arch === 'arm64') list = [...list.slice(0, 3), list[4]!, list[3]!]
    lists.set(key, list)
  }
  return list
}
