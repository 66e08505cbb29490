/** struct iovec arrays. */
import { IOVEC } from '../../sys/abi/socket.ts'
import type { Ref } from '../operand.ts'
import { constant, depends, type Kind, out, pointer, type Scope, size } from './kind.ts'
import { arrayLayout } from './struct.ts'
import { dataLong, MOST } from './text.ts'

const element = (at: Ref, scope: Scope): string => {
  const length = scope.memory.read(at.plus(IOVEC.iov_len), 8)
  const base = dataLong(constant(length) ?? 0)(scope.memory.read(at.plus(IOVEC.iov_base), 8), scope)
  return `{iov_base=${base}, iov_len=${size(length, scope)}}`
}

export const vectorText = (at: Ref, count: number, scope: Scope): string => {
  const written = Array.from({ length: Math.min(count, MOST) }, (_, index) => element(at.plus(index * IOVEC.size), scope))
  return `[${written.join(', ')}${count > MOST ? ', ...' : ''}]`
}

export const IOVECS = arrayLayout(
  [
    ['iov_base', IOVEC.iov_base, 8, out],
    ['iov_len', IOVEC.iov_len, 8, size],
  ],
  IOVEC.size,
)

/** An array whose length is another argument. */
export const iovecs = (countArgument: number): Kind =>
  Object.assign(
    depends((args) => pointer((at, scope) => vectorText(at, constant(args[countArgument]) ?? 1, scope))),
    { layout: () => IOVECS },
  )
