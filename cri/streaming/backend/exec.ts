/**
 * A process for a client. When the client goes its stdin ends, its terminal is hung up, and what it still writes is dropped; otherwise
 * it goes on, as with other runtimes: a command that changes something is not to be ended half-way by a network.
 */
import { startExec } from '../../container/exec.ts'
import type { Reached } from '../backend.ts'
import type { ExecTarget, RemoteStreams } from '../types.ts'
import { pumpInput, pumpOutput } from './pump.ts'

export const execIn = async (cri: Reached, { containerId, command, tty }: ExecTarget, streams: RemoteStreams): Promise<number> => {
  const container = cri.containers.find(containerId)
  const { stdin, stdout, stderr, sizes, gone } = streams
  const session = await startExec(cri, container, { command, tty, stdin: stdin !== undefined })
  const { stdin: input } = session
  const typing = async (): Promise<void> => {
    if (stdin === undefined || input === undefined) return
    await pumpInput(stdin, input)
    // the end of a terminal's input is not told to who reads it
    if (!tty) input.end()
  }
  const resizing = async (): Promise<void> => {
    for await (const size of sizes ?? []) session.resize(size)
  }
  const hangUp = (): void => {
    if (tty) session.hangUp()
  }
  gone.addEventListener('abort', hangUp)
  if (gone.aborted) hangUp()
  input?.on('error', () => {})
  void typing()
  void resizing()
  try {
    await Promise.all([pumpOutput(session.stdout, stdout), session.stderr === undefined ? undefined : pumpOutput(session.stderr, stderr)])
    return await session.exited
  } finally {
    gone.removeEventListener('abort', hangUp)
  }
}
