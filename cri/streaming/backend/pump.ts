/** From streams to streams, with the pace of the slower one. */
import type { Readable, Writable } from 'node:stream'
import type { Sink } from '../types.ts'

/** Resolves at the end of `from`, also where it is destroyed. Without a sink, or when nobody is there to read it, output is taken all the same: no writer is to wait for ever. */
export const pumpOutput = async (from: Readable, sink: Sink | undefined): Promise<void> => {
  try {
    for await (const bytes of from as AsyncIterable<Buffer>) {
      const room = sink?.write(bytes)
      if (room !== undefined) await room
    }
  } catch (error) {
    if (from.errored !== null) throw error
  }
}

/** Resolves to whether all was written: false where the other end of `to` is closed. */
export const pumpInput = async (from: AsyncIterable<Uint8Array>, to: Writable): Promise<boolean> => {
  let open = !to.destroyed
  let wake: (() => void) | undefined
  const woken = (): void => wake?.()
  const closed = (): void => {
    open = false
    wake?.()
  }
  to.on('drain', woken).on('error', closed).on('close', closed)
  try {
    for await (const bytes of from) {
      if (!open) return false
      if (!to.write(bytes) && open)
        await new Promise<void>((resolve) => {
          wake = resolve
        })
    }
    return open
  } finally {
    to.off('drain', woken)
  }
}

/** What was written before is written, and the end. */
export const endInput = (to: Writable): Promise<void> =>
  new Promise((resolve) => {
    if (to.destroyed) return resolve()
    to.once('close', resolve)
    to.end(() => resolve())
  })
