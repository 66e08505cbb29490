/** A tree of files that things are copied from or to, by descriptors: a container’s, or the machine’s. */
import { closeSync, constants, openSync } from 'node:fs'
import { type Ids, SAME } from './ids.ts'

export interface Tree {
  /** For messages: `web:`; empty for the machine. */
  readonly name: string
  /** Descriptor of the folder that is `/` there. */
  readonly root: number
  /** What is mounted upon what was just opened: that instead of it, which is closed then; or the same. */
  enter(fd: number): number
  readonly ids: Ids
  /** The root file system may not be written to; what is mounted into it may have its own rules. */
  readonly readonly: boolean
  close?(): void | Promise<void>
}

/** The machine’s files. */
export const hostTree = (): Tree & { close(): void } => {
  const root = openSync('/', constants.O_RDONLY | constants.O_DIRECTORY)
  return { name: '', root, enter: (fd) => fd, ids: SAME, readonly: false, close: () => closeSync(root) }
}
