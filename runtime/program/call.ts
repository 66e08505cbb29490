/** A system call of a program as text. */
import type { Op } from './op.ts'
import { Ref } from './operand.ts'
import type { Kind, Parameter, Scope, Value } from './signatures/kind.ts'
import { word } from './signatures/kind.ts'
import { parametersOf } from './signatures.ts'
import type { SyscallName } from '../sys/abi/syscalls.ts'
import type { View } from './view.ts'

/** An op that is a system call. */
export type Call = Op & { readonly call: SyscallName }

export const isCall = (op: Op): op is Call => op.call !== 'compute'

interface Argument {
  readonly name: string
  readonly kind: Kind
  readonly value: Value
  readonly optional: boolean
}

const argumentsOf = (op: Call, view: View): Argument[] => {
  const parameters = parametersOf(op.call, view.program.arch)
  return op.args.map((arg, index) => {
    const { name, kind, optional }: Parameter = parameters[index] ?? { name: `arg${index}`, kind: word, optional: true }
    return { name, kind, value: view.value(arg), optional }
  })
}

const scopeOf = (list: readonly Argument[], view: View): Scope => ({
  arch: view.program.arch,
  args: list.map(({ value }) => value),
  memory: view,
  brief: view.brief,
})

/** `openat2(rootfd, "proc", {flags=O_PATH|O_CLOEXEC}, 24)`. Zeros that C's prototype lets one leave out are left out. */
export const callText = (op: Call, view: View): string => {
  const list = argumentsOf(op, view)
  const scope = scopeOf(list, view)
  while (list.at(-1)?.optional === true && list.at(-1)?.value === 0n) list.pop()
  return `${op.call}(${list.map(({ kind, value }) => kind(value, scope)).join(', ')})`
}

/** The arguments for a message, `dst=/proc`: without lengths, memory that was filled in meanwhile, zeros and empty strings. */
export const briefArguments = (op: Call, view: View): string[] => {
  const list = argumentsOf(op, view)
  const scope = scopeOf(list, view)
  return list.flatMap(({ name, kind, value }) => {
    if (kind.inMessage === 'never' || (value instanceof Ref && value.block.bytes === undefined)) return []
    const text = kind(value, scope)
    const nothing = value instanceof Ref ? text === '""' : text === '0' || text === 'NULL'
    return nothing && kind.inMessage !== 'always' ? [] : [`${name}=${text}`]
  })
}
