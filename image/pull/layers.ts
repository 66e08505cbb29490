/** All layers of an image at once: as many downloads as are allowed, as many unpacked as there are cores. */
import { availableParallelism } from 'node:os'
import { WherryError } from '../../runtime/errors.ts'
import { own } from '../layer/unpack/attributes.ts'
import type { ImageSource } from '../source.ts'
import { layerIdentities } from '../store/chain-id.ts'
import type { Layer, Store } from '../store/types.ts'
import type { Resolved } from './document.ts'
import { Flush } from './flush.ts'
import { bringLayer } from './layer.ts'
import { Pace } from './pace.ts'
import { LayerProgress } from './progress.ts'
import { Slots } from './slots.ts'
import type { UnpackOptions } from './types.ts'

const DOWNLOADS = 4

/** Of this process: pulls share them. As many as image/layer has threads. */
const threads = new Slots(Math.max(2, Math.min(4, availableParallelism())))
const pace = new Pace()

export interface BroughtLayers {
  /** Lowest first. */
  readonly layers: readonly Layer[]
  /** Something had to be fetched or unpacked. */
  readonly fetched: boolean
}

/**
 * What is there is used. When one fails the others are stopped, and end before this throws; what they have of their blobs stays for the
 * next try.
 */
export const bringLayers = async (
  source: ImageSource,
  store: Store,
  resolved: Resolved,
  options: UnpackOptions,
): Promise<BroughtLayers> => {
  const { manifest, config } = resolved
  const identities = layerIdentities(config.rootfs.diff_ids)
  const connections = new Slots(Math.max(1, options.downloads ?? DOWNLOADS))
  const stop = new AbortController()
  const signal = options.signal === undefined ? stop.signal : AbortSignal.any([options.signal, stop.signal])
  const style = own().confined ? 'user' : 'trusted'
  const flush = new Flush(store.root)
  let first: { readonly error: unknown } | undefined
  const ready: Promise<Layer>[] = []
  const begin: (() => void)[] = []
  let fetched = false

  for (const [index, descriptor] of manifest.layers.entries()) {
    const progress = new LayerProgress(descriptor, index, options.onProgress)
    const turn = new Promise<void>((resolve) => begin.push(resolve))
    const bring = async (): Promise<Layer> => {
      await turn
      const brought = await bringLayer({
        store,
        source,
        descriptor,
        identity: identities[index]!,
        progress,
        signal,
        limits: options.limits ?? {},
        style,
        threads,
        connections,
        pace,
        flush,
        lowers: () => Promise.all(ready.slice(0, index)),
      })
      fetched ||= brought.fetched
      return brought.layer
    }
    const layer = bring()
    layer.catch((error: unknown) => {
      first ??= { error }
      stop.abort()
    })
    ready.push(layer)
  }
  // the largest first: then the cores come to their end together
  const order = [...manifest.layers.keys()].sort((a, b) => manifest.layers[b]!.size - manifest.layers[a]!.size)
  for (const index of order) begin[index]!()

  const settled = await Promise.allSettled(ready)
  await flush.end()
  if (first === undefined) return { layers: await Promise.all(ready), fetched }
  throw explain(first.error, source, options.signal, settled)
}

export const cancelled = (name: string, cause: unknown, tidying = ''): WherryError =>
  new WherryError('cancelled', `${name}: the pull was cancelled; what has come of it is kept for the next one${tidying}`, { cause })

const ADVICE: Readonly<Partial<Record<WherryError['kind'], string>>> = {
  'data-loss': 'nothing was changed; pull again, and if it stays so, the image has to be pushed again',
  'invalid-argument': 'nothing was changed; the image is broken as it was pushed, and has to be made again',
}

/** The first error, named; behind it what the others could not clean up. */
const explain = (
  error: unknown,
  { name }: ImageSource,
  signal: AbortSignal | undefined,
  settled: readonly PromiseSettledResult<Layer>[],
): WherryError => {
  const tidying = settled.flatMap((one) => {
    const text = one.status === 'rejected' && one.reason !== error && one.reason instanceof Error ? one.reason.message : ''
    const at = text.indexOf('; clean-up: ')
    return at < 0 ? [] : [text.slice(at)]
  })
  if (signal?.aborted === true)
    return new WherryError(
      'cancelled',
      `${name}: the pull was cancelled; what has come of it is kept for the next one${tidying.join('')}`,
      { cause: error },
    )
  const message = error instanceof Error ? error.message : String(error)
  const kind = error instanceof WherryError ? error.kind : 'internal'
  const advice = ADVICE[kind] === undefined ? '' : `: ${ADVICE[kind]}`
  const text = `${message.includes(name) ? '' : `${name}: `}${message}${advice}${tidying.join('')}`
  return error instanceof WherryError && text === message ? error : new WherryError(kind, text, { cause: error })
}
