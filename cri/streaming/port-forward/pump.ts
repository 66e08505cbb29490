/** One forwarded connection. */
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Inbox } from '../inbox.ts'
import type { Sink } from '../types.ts'

/** Milliseconds without a byte that a client may go on for when the server has said all: many do not tell that they have done. */
const AFTERWARDS = 5000

export interface ForwardedStreams {
  readonly inbox: Inbox
  readonly data: Sink
  /** The client has gone. */
  readonly gone: AbortSignal
}

/** Resolves when both directions have ended, each with the other going on until its own end. Throws what breaks the server's connection. */
export const pumpConnection = async (server: Duplex, { inbox, data, gone }: ForwardedStreams): Promise<void> => {
  let failure: unknown
  let timer: NodeJS.Timeout | undefined
  const closed = new Promise<void>((resolve) => server.once('close', resolve))
  server.on('error', (error) => {
    failure ??= error
  })
  const leave = (): void => void server.destroy()
  const touch = (): void => {
    clearTimeout(timer)
    timer = setTimeout(leave, AFTERWARDS)
  }
  gone.addEventListener('abort', leave)
  if (gone.aborted) leave()

  const toServer = async (): Promise<void> => {
    for await (const bytes of inbox) {
      if (server.destroyed) return
      if (timer !== undefined) touch()
      if (!server.write(bytes)) await Promise.race([once(server, 'drain').catch(() => {}), closed])
    }
    if (!server.destroyed) server.end()
  }
  const toClient = async (): Promise<void> => {
    try {
      for await (const bytes of server.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        const room = data.write(bytes)
        if (room !== undefined) await room
      }
      data.end()
      if (!inbox.ended) touch()
    } catch {
      // the reason is kept by the listener above
    }
  }
  try {
    const input = toServer()
    await Promise.race([Promise.all([toClient(), input]), closed])
    if (failure !== undefined) throw failure
  } finally {
    clearTimeout(timer)
    gone.removeEventListener('abort', leave)
    inbox.drop()
    server.destroy()
  }
}
