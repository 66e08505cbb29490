/** Pipes of ours, close-on-exec: pipe(2). */
import { O_CLOEXEC } from './abi/fcntl.ts'
import { syscall } from './syscall.ts'

export interface Pipe {
  readonly read: number
  readonly write: number
}

export const makePipe = (): Pipe => {
  const pair = Buffer.alloc(8)
  syscall('pipe2', [pair, O_CLOEXEC])
  return { read: pair.readInt32LE(0), write: pair.readInt32LE(4) }
}
