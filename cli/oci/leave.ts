import { engineIsOpen } from './engine.ts'

/**
 * Ends this process at once, without Node’s tidying up: it costs a millisecond or two, and would wait for a thread that waits
 * for our stdin. All output is written by now.
 */
export const leave = async (status: number): Promise<void> => {
  if (engineIsOpen()) {
    const { trySyscall } = await import('../../runtime/sys/syscall.ts')
    trySyscall('exit_group', status)
  }
  process.exit(status)
}
