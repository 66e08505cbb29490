/** What a layer’s thread and the one that feeds it say to each other. Buffers go there and come back, so that none has to be made anew. */
import type { ErrorKind } from '../../runtime/errors.ts'
import type { Census } from '../store/census.ts'
import type { LayerFacts } from './entry.ts'
import type { LayerJob } from './pipeline.ts'

export interface WorkerData {
  /** How many layers are being unpacked by all threads. */
  readonly active: Int32Array<SharedArrayBuffer>
  readonly cores: number
}

export type ToWorker =
  /** Not 0 in `stop`: to be given up. */
  | { readonly type: 'begin'; readonly job: LayerJob; readonly stop: Int32Array<SharedArrayBuffer> }
  | { readonly type: 'piece'; readonly buffer: ArrayBuffer; readonly length: number }
  | { readonly type: 'end' }
  /** Wakes a thread that waits for pieces which will not come. */
  | { readonly type: 'abandon' }

export type FromWorker =
  | { readonly type: 'progress'; readonly position: number }
  | { readonly type: 'ready' }
  | { readonly type: 'taken'; readonly buffer: ArrayBuffer; readonly position: number }
  | { readonly type: 'done'; readonly facts: LayerFacts | undefined; readonly census?: Census }
  | { readonly type: 'failed'; readonly kind: ErrorKind; readonly message: string; readonly buffer?: ArrayBuffer }
  | { readonly type: 'abandoned' }
