/**
 * A process for a client. When the client goes its stdin ends, its terminal is hung up, and what it still writes is dropped; otherwise
 * it goes on, as with other runtimes: a command that changes something is not to be ended half-way by a network.
 */
import type { WindowSize } from '../../../runtime/keeper/attach.ts'
import { startExec } from '../../container/exec.ts'
import type { Reached } from '../backend.ts'
import type { ExecTarget, RemoteStreams } from '../types.ts'
import { pumpInput, pumpOutput } from './pump.ts'

/** Milliseconds that the first size of a terminal is waited for: programs that ask for it once are to see the client’s, and not none. */
const FIRST_SIZE = 50

interface Sizes {
  readonly first: WindowSize | undefined
  readonly rest: () => AsyncGenerator<WindowSize, void, undefined>
}

const beginWithSize = async (sizes: AsyncIterable<WindowSize>): Promise<Sizes> => {
  const iterator = sizes[Symbol.asyncIterator]()
  const next = iterator.next()
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, FIRST_SIZE, undefined)
  })
  const begun = await Promise.race([next, late])
  clearTimeout(timer)
  async function* rest(): AsyncGenerator<WindowSize, void, undefined> {
    for (let item = begun === undefined ? await next : await iterator.next(); item.done !== true; item = await iterator.next())
      yield item.value
  }
  return { first: begun?.done === false ? begun.value : undefined, rest }
}

export const execIn = async (cri: Reached, { containerId, command, tty }: ExecTarget, streams: RemoteStreams): Promise<number> => {
  const container = cri.containers.find(containerId)
  const { stdin, stdout, stderr, sizes, gone } = streams
  const begun = tty && sizes !== undefined ? await beginWithSize(sizes) : undefined
  const size = begun?.first === undefined ? {} : { size: begun.first }
  const session = await startExec(cri, container, { command, tty, stdin: stdin !== undefined, ...size })
  const { stdin: input } = session
  const typing = async (): Promise<void> => {
    if (stdin === undefined || input === undefined) return
    await pumpInput(stdin, input)
    // the end of a terminal's input is not told to who reads it
    if (!tty) input.end()
  }
  const resizing = async (): Promise<void> => {
    for await (const changed of begun?.rest() ?? []) session.resize(changed)
  }
  const hangUp = (): void => {
    if (tty) session.hangUp()
  }
  gone.addEventListener('abort', hangUp)
  if (gone.aborted) hangUp()
  input?.on('error', () => {})
  const showing = async (): Promise<number> => {
    await Promise.all([pumpOutput(session.stdout, stdout), session.stderr === undefined ? undefined : pumpOutput(session.stderr, stderr)])
    return session.exited
  }
  const shown = showing()
  try {
    // what goes wrong on the way in is told to the client too
    return await Promise.race([shown, Promise.all([typing(), resizing()]).then(() => shown)])
  } finally {
    gone.removeEventListener('abort', hangUp)
  }
}
