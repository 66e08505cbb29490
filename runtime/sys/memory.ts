/** Memory that was needed for a while. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { libc } from './koffi.ts'

let collect: (() => void) | undefined
let trim: ((pad: number) => unknown) | undefined

const collector = (): (() => void) => {
  setFlagsFromString('--expose-gc')
  try {
    return runInNewContext('gc') as () => void
  } finally {
    setFlagsFromString('--no-expose-gc')
  }
}

/**
 * Collects garbage and gives free pages back to the kernel, malloc_trim(3). Buffers of what was read are collected when some 64 MiB of them
 * have come together, and stay where malloc has them: a server that has nothing to do afterwards keeps them for ever. Takes some tens of
 * milliseconds: for quiet times.
 */
export const giveBackMemory = (): void => {
  collect ??= collector()
  collect()
  trim ??= libc.func('malloc_trim', 'int', ['uint64_t']) as (pad: number) => unknown
  trim(0)
}
