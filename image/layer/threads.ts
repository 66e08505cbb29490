/** The threads that layers are unpacked in: as many as there are cores, started when wanted, ended when idle for a while. */
import { existsSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { ToWorker, WorkerData } from './protocol.ts'

/** As sources beside this file, as a bundle of its own in dist/. */
const workerFile = (): string => {
  const source = `${import.meta.dirname}/worker.ts`
  return existsSync(source) ? source : `${import.meta.dirname}/wherry/layer-worker.js`
}

/** Bytes of what is handed over at a time, and how many such buffers there are for each thread. */
export const PIECE = 256 * 1024
export const PIECES = 4

const IDLE_MS = 5000
const MOST = Math.max(2, Math.min(4, availableParallelism()))

/** A thread, and the buffers that go back and forth. */
export interface Thread {
  readonly worker: Worker
  readonly spare: ArrayBuffer[]
}

const active = new Int32Array(new SharedArrayBuffer(4))
const idle: Thread[] = []
const waiting: (() => void)[] = []
let taken = 0

const start = (): Thread => {
  const data: WorkerData = { active, cores: availableParallelism() }
  // names, numbers and headers: a layer’s bytes are outside of the heap
  const worker = new Worker(workerFile(), { workerData: data, name: 'layer', resourceLimits: { maxYoungGenerationSizeMb: 16 } })
  const thread: Thread = { worker, spare: Array.from({ length: PIECES }, () => new ArrayBuffer(PIECE)) }
  worker.once('exit', () => {
    const at = idle.indexOf(thread)
    if (at >= 0) idle.splice(at, 1)
  })
  // an idle thread that breaks is out of use, and that is all
  worker.on('error', () => undefined)
  return thread
}

export const say = ({ worker }: Thread, message: ToWorker, transfer: readonly ArrayBuffer[] = []): void =>
  worker.postMessage(message, transfer)

/** A thread of one’s own until it is given back; waits for one. Rejects with the signal’s reason. */
export const takeThread = async (signal?: AbortSignal): Promise<Thread> => {
  signal?.throwIfAborted()
  if (taken >= MOST) await turn(signal)
  else taken++
  const thread = idle.pop() ?? start()
  clearTimeout(timers.get(thread))
  thread.worker.ref()
  Atomics.add(active, 0, 1)
  return thread
}

/** The place of one who gives his thread back is passed on, so `taken` stays. */
const turn = (signal: AbortSignal | undefined): Promise<void> =>
  new Promise((resolve, reject) => {
    const go = (): void => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }
    const stop = (): void => {
      waiting.splice(waiting.indexOf(go), 1)
      reject(signal!.reason)
    }
    signal?.addEventListener('abort', stop, { once: true })
    waiting.push(go)
  })

const timers = new Map<Thread, NodeJS.Timeout>()

/** `broken`: it has ended, or does not answer. */
export const giveBack = (thread: Thread, broken: boolean): void => {
  Atomics.sub(active, 0, 1)
  if (broken) void thread.worker.terminate()
  else {
    thread.worker.unref()
    idle.push(thread)
    const timer = setTimeout(() => {
      timers.delete(thread)
      idle.splice(idle.indexOf(thread), 1)
      void thread.worker.terminate()
    }, IDLE_MS)
    timers.set(thread, timer.unref())
  }
  const next = waiting.shift()
  if (next === undefined) taken--
  else next()
}
