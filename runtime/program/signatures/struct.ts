/** Structs, `{flags=O_PATH, resolve=RESOLVE_IN_ROOT}`: fields that are zero are left out. */
import type { Ref } from '../operand.ts'
import { constant, depends, type Field, int, type Kind, type Layout, long, outOf, pointer, type Scope } from './kind.ts'
import { MOST } from './text.ts'

type FieldRow = readonly [name: string, offset: number, width: number, kind: Kind, always?: 'always']

export const layout = (rows: readonly FieldRow[], stride?: number): Layout => ({
  fields: rows.map(([name, offset, width, kind, always]) => ({ name, offset, width, kind, always: always !== undefined })),
  stride,
})

const fieldText = ({ name, offset, width, kind, always }: Field, at: Ref, scope: Scope): string[] => {
  const value = scope.memory.read(at.plus(offset), width)
  return value === 0n && !always ? [] : [`${name}=${kind(value, scope)}`]
}

export const structText = (of: Layout, at: Ref, scope: Scope): string =>
  `{${of.fields.flatMap((field) => fieldText(field, at, scope)).join(', ')}}`

/** A buffer that ops before have filled in is written by its name, one that is read again by its name and what it holds at first. */
const named = (at: Ref, { memory }: Scope, text: string): string =>
  at.block.bytes === undefined ? memory.address(at) : memory.isRead(at) ? `${memory.address(at)}=${text}` : text

/** A pointer to a struct that the call reads. */
export const struct = (of: Layout): Kind =>
  Object.assign(
    pointer((at, scope) => named(at, scope, structText(of, at, scope))),
    { layout: () => of },
  )

/** An array of structs, whose length is another argument, or a number. */
export const array = (of: Layout & { readonly stride: number }, length: { readonly argument: number } | { readonly of: number }): Kind =>
  Object.assign(
    depends((args) =>
      pointer((at, scope) => {
        const count = 'of' in length ? length.of : (constant(args[length.argument]) ?? 1)
        const elements = Array.from({ length: Math.min(count, MOST) }, (_, index) => structText(of, at.plus(index * of.stride), scope))
        return named(at, scope, `[${elements.join(', ')}${count > MOST ? ', ...' : ''}]`)
      }),
    ),
    { layout: () => of },
  )

export const arrayLayout = (rows: readonly FieldRow[], stride: number): Layout & { readonly stride: number } => ({
  ...layout(rows),
  stride,
})

/** An array of numbers, one of `width` bytes behind the other. */
export const numbers = (width: number, countArgument: number, kind: Kind = long): Kind =>
  depends((args) =>
    pointer((at, scope) => {
      const count = constant(args[countArgument])
      if (count === undefined || scope.memory.bytes(at) === undefined) return scope.memory.address(at)
      const values = Array.from({ length: Math.min(count, MOST) }, (_, index) =>
        kind(scope.memory.read(at.plus(width * index), width), scope),
      )
      return `[${values.join(', ')}${count > MOST ? ', ...' : ''}]`
    }),
  )

/** Where a number of 32 bits is stored. */
export const outInt: Kind = outOf(layout([['', 0, 4, int]]))
