/** The thread that a layer is unpacked in. One job at a time; protocol.ts has the messages. */
import { parentPort, workerData } from 'node:worker_threads'
import { takeCensus } from '../store/census.ts'
import { stands } from './entry.ts'
import { explainError, type LayerJob, Pipeline } from './pipeline.ts'
import type { FromWorker, ToWorker, WorkerData } from './protocol.ts'

const port = parentPort!
const { active, cores } = workerData as WorkerData
const say = (message: FromWorker, transfer: readonly ArrayBuffer[] = []): void => port.postMessage(message, transfer)

/** A second thread for inflating gains nothing where other layers keep the cores busy. */
const aside = (): boolean => Atomics.load(active, 0) < cores

let job: LayerJob | undefined
let pipeline: Pipeline | undefined

const handle = async (message: ToWorker): Promise<void> => {
  if (message.type === 'begin') {
    const { stop } = message
    job = message.job
    pipeline = new Pipeline(job, () => Atomics.load(stop, 0) !== 0)
    await pipeline.resume(aside, (position) => say({ type: 'progress', position }))
    say({ type: 'ready' })
    return
  }
  // what comes behind a failure was sent before it was known
  if (message.type === 'piece') {
    if (pipeline !== undefined) await pipeline.push(new Uint8Array(message.buffer, 0, message.length), aside())
    say({ type: 'taken', buffer: message.buffer, position: pipeline?.position ?? 0 }, [message.buffer])
    return
  }
  if (pipeline === undefined) return
  if (message.type === 'end') {
    const facts = pipeline.end()
    pipeline = undefined
    // here it keeps nobody from downloading; what is changed later is counted then
    const census = facts !== undefined && stands(facts) ? await takeCensus(`${job!.unpack!.folder}/root`) : undefined
    say({ type: 'done', facts, ...(census === undefined ? {} : { census }) })
  } else {
    pipeline.abandon()
    pipeline = undefined
    say({ type: 'abandoned' })
  }
}

const failed = (error: unknown, message: ToWorker): void => {
  const current = pipeline
  pipeline = undefined
  const { kind, message: text } = explainError(job!, error)
  let problem = text
  try {
    current?.abandon()
  } catch (second) {
    problem += `; clean-up: ${String(second)}`
  }
  say({ type: 'failed', kind, message: problem, ...(message.type === 'piece' ? { buffer: message.buffer } : {}) })
}

let last = Promise.resolve()
port.on('message', (message: ToWorker) => {
  last = last.then(() => handle(message)).catch((error: unknown) => failed(error, message))
})
