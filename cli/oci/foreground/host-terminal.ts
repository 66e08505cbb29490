/** The terminal that we are shown on, while a container’s is shown on it. */
import { closeSync, constants, openSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'
import { copyWindowSize, type Modes, rawModes, setTerminalModes, terminalModes } from '../../../runtime/sys/tty.ts'

export interface HostTerminal {
  /** Makes it pass on every key; restore() is to be called on every way out. @param output whether it is to map newlines (default) */
  raw(output?: 'processed' | 'raw'): void
  /** Gives its size to the terminal `master`, now and whenever it changes. */
  follow(master: number): void
  restore(): void
}

const STREAMS = [2, 1, 0]

const controllingTerminal = (): number | undefined => {
  try {
    return openSync('/dev/tty', constants.O_RDWR | constants.O_NOCTTY)
  } catch (error) {
    if (isErrno(error, 'ENXIO', 'ENOENT', 'EACCES', 'EIO')) return undefined
    throw error
  }
}

/** The terminal of a standard stream, or the controlling one where all are redirected; undefined where we have none. */
export const openHostTerminal = (): HostTerminal | undefined => {
  let fd = STREAMS.find((stream) => terminalModes(stream) !== undefined)
  const opened = fd === undefined ? controllingTerminal() : undefined
  fd ??= opened
  if (fd === undefined) return undefined
  const terminal = fd
  const before = terminalModes(terminal)
  let changed: Modes | undefined
  let resize: (() => void) | undefined
  return {
    raw: (output) => {
      if (before === undefined) return
      changed = rawModes(before, output)
      setTerminalModes(terminal, changed)
    },
    follow: (master) => {
      resize = () => copyWindowSize(terminal, master)
      resize()
      process.on('SIGWINCH', resize)
    },
    restore: () => {
      if (resize !== undefined) process.off('SIGWINCH', resize)
      if (changed !== undefined && before !== undefined) {
        try {
          setTerminalModes(terminal, before)
        } catch (error) {
          if (!isErrno(error, 'EIO', 'ENOTTY')) throw error // hung up: nothing is left to restore
        }
      }
      changed = undefined
      if (opened !== undefined) closeSync(opened)
    },
  }
}
