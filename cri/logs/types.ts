import type { Container } from '../state/types.ts'

/** Logs in CRI's format, from keepers' spools. */
export interface Logs {
  /** Begins, or goes on after a restart of the server, to write `container.logPath`. Idempotent. */
  follow(container: Container): void
  /** Resolves when all that the container has written is in its log; after its end. */
  drained(id: string): Promise<void>
  /** ReopenContainerLog: the file was renamed; from the next line on a new one is written. */
  reopen(id: string): Promise<void>
  /** Before its container is removed. */
  forget(id: string): Promise<void>
  close(): Promise<void>
}
