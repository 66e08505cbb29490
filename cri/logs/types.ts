import type { SpoolOptions } from '../../runtime/keeper/files.ts'
import type { Container } from '../state/types.ts'

/**
 * How a container's keeper is to be started: what is written while the server is down waits here, 16 MiB of it. Small files, because each is
 * removed as a whole once it is in the log, which is mostly before the kernel writes it to the disk.
 */
export const LOG_SPOOL: SpoolOptions = { limit: 2 * 1024 * 1024, slots: 8, consumed: true }

/** Logs in CRI's format, from keepers' spools. */
export interface Logs {
  /**
   * Begins, or goes on after a restart of the server, to write `container.logPath`. The spool folder is there already. Idempotent.
   * Nothing for a container without a log, whose spool is to be one that nobody has to read.
   */
  follow(container: Container): void
  /**
   * Resolves when all that the container has written is in its log; after its end. Not before there is room on a disk that is full: an exit
   * must not wait for it without a limit, that is the signal's (which makes it reject).
   */
  drained(id: string, signal?: AbortSignal): Promise<void>
  /** ReopenContainerLog: the file was renamed; from the next line on a new one is written. Throws `not-found` for what is not followed. */
  reopen(id: string): Promise<void>
  /** Before its container is removed: what can be written is. */
  forget(id: string): Promise<void>
  close(): Promise<void>
}
