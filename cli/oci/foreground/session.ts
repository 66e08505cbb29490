/** The time during which we stand between the user and a container’s process, for `run` and `exec` without --detach. */
import { closeSync } from 'node:fs'
import type { Console } from '../../../runtime/container/types.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { PR_SET_CHILD_SUBREAPER } from '../../../runtime/sys/abi/prctl.ts'
import { receiveFds } from '../../../runtime/sys/scm.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { socketpair } from '../../../runtime/sys/unix.ts'
import type { Log } from '../log.ts'
import { type HostTerminal, openHostTerminal } from './host-terminal.ts'
import { type Pump, startPump } from './pump.ts'
import { waitForExit } from './reaper.ts'
import { forwardSignals } from './signals.ts'

export interface SessionOptions {
  /** The process gets a terminal, which is shown on ours. */
  readonly terminal: boolean
  /** Orphans of the container become our children, prctl(2). */
  readonly subreaper: boolean
  readonly log: Log
}

export interface Session {
  /** Where the engine is to send the terminal’s master. */
  readonly console: Console | undefined
  /** Takes the terminal: once the engine has made the process. */
  attach(): Promise<void>
  /** Exit status of the process, a child of ours, when it has ended and all its output is passed on. */
  wait(pid: number): Promise<number>
  /** Leaves everything as it was found; may be called at any time, and again. */
  close(): void
}

/** How long the engine, which is done, may take to have sent the master. */
const MASTER_MS = 10_000

export const openSession = ({ terminal, subreaper, log }: SessionOptions): Session => {
  const signals = forwardSignals(log.debug)
  if (subreaper) syscall('prctl', [PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0], { args: ['PR_SET_CHILD_SUBREAPER'] })
  const sockets = terminal ? socketpair() : undefined
  let host: HostTerminal | undefined
  let pump: Pump | undefined
  let open = true
  const close = (): void => {
    if (!open) return
    open = false
    host?.restore()
    signals.stop()
    for (const socket of sockets ?? []) closeSync(socket)
  }
  process.once('exit', close) // an error that nobody caught
  return {
    console: sockets === undefined ? undefined : { fd: sockets[1] },
    attach: async () => {
      if (sockets === undefined) return
      const [master, ...others] = receiveFds(sockets[0], { maxFds: 1, timeout: MASTER_MS }).fds
      if (master === undefined || others.length > 0) throw new WherryError('internal', 'the terminal of the process did not arrive')
      host = openHostTerminal()
      host?.follow(master)
      host?.raw()
      pump = await startPump(master, 0, 1)
    },
    wait: async (pid) => {
      signals.to(pid)
      const status = await waitForExit(pid, log.debug)
      await pump?.finish()
      return status
    },
    close,
  }
}
