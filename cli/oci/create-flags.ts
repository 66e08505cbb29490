/** The flags that create and run share. */
import { resolve } from 'node:path'
import type { Console, CreateOptions } from '../../runtime/container/types.ts'
import type { Flags, Values } from '../support/flags.ts'
import type { Context } from './context.ts'
import { hostNotifySocket } from './notify.ts'
import { checkPreservedFds, listenFds } from './preserved-fds.ts'

export const CREATE_FLAGS = {
  bundle: { type: 'string', short: 'b', value: 'DIR', help: 'folder of the bundle (default: the current one)' },
  'console-socket': { type: 'string', value: 'SOCKET', help: 'unix socket that gets the master of the terminal' },
  'pidfd-socket': { type: 'string', value: 'SOCKET', help: 'unix socket that gets a pidfd of the init process' },
  'pid-file': { type: 'string', value: 'FILE', help: 'file that gets the process id of the init process' },
  'no-pivot': { type: 'boolean', help: 'move the root with MS_MOVE instead of pivot_root, for a host that runs from a ramdisk' },
  'no-new-keyring': { type: 'boolean', help: 'keep the session keyring of the caller' },
  'preserve-fds': { type: 'integer', value: 'N', help: 'pass on N descriptors above 2, after those of $LISTEN_FDS (default: 0)' },
} as const satisfies Flags

export const bundleOf = (flags: Values<typeof CREATE_FLAGS>): string => resolve(flags.bundle ?? '')

/** The engine’s options; paths are the caller’s, relative to where it is. */
export const createOptions = (
  id: string,
  flags: Values<typeof CREATE_FLAGS>,
  { launch }: Context,
  console: Console | undefined,
): CreateOptions => {
  const listening = listenFds(process.env, process.pid)
  const preserved = flags['preserve-fds'] ?? 0
  checkPreservedFds(launch, listening, preserved)
  return {
    id,
    bundle: bundleOf(flags),
    noPivot: flags['no-pivot'] ?? false,
    noNewKeyring: flags['no-new-keyring'] ?? false,
    listenFds: listening,
    preserveFds: preserved,
    notify: hostNotifySocket() !== undefined,
    ...(console === undefined ? {} : { console }),
    ...(flags['pid-file'] ? { pidFile: resolve(flags['pid-file']) } : {}),
    ...(flags['pidfd-socket'] ? { pidfdSocket: resolve(flags['pidfd-socket']) } : {}),
  }
}

export const socketConsole = (socket: string | undefined): Console | undefined => (socket ? { socket: resolve(socket) } : undefined)
