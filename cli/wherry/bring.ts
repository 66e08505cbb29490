/** Bringing images into the store, with progress on the screen. */
import { pull } from '../../image/pull/pull.ts'
import type { PulledImage, PullProgress, UnpackOptions } from '../../image/pull/types.ts'
import type { Reference } from '../../image/reference.ts'
import type { ImageSource } from '../../image/source.ts'
import type { Platform } from '../../image/spec/types.ts'
import type { Store } from '../../image/store/store.ts'
import type { Phase, Progress } from '../support/progress/progress.ts'
import { shortId } from './image-names.ts'
import { type ChosenLimits, layerLimits } from './limits.ts'

const PHASES: Readonly<Record<PullProgress['state'], Phase>> = {
  waiting: 'waiting',
  shared: 'active',
  downloading: 'active',
  unpacking: 'active',
  exists: 'done',
  done: 'done',
}

export interface BringOptions {
  readonly reference?: Reference
  readonly platform?: Platform
  readonly limits: ChosenLimits
  readonly progress: Progress
  readonly signal: AbortSignal
}

/** What all ways of bringing have in common: limits, and progress on the screen. */
export const unpackOptions = ({ limits, progress, signal }: Pick<BringOptions, 'limits' | 'progress' | 'signal'>): UnpackOptions => ({
  ...(limits['pull.downloads'] === undefined ? {} : { downloads: limits['pull.downloads'] }),
  limits: layerLimits(limits),
  signal,
  onProgress: ({ layer, index, state, bytes, total }) =>
    progress.set(`${index} ${layer}`, {
      label: shortId(layer),
      state,
      phase: PHASES[state],
      done: state === 'exists' ? total : bytes,
      total,
    }),
})

export const bring = async (source: ImageSource, store: Store, { reference, platform, ...options }: BringOptions): Promise<PulledImage> =>
  pull(source, store, {
    ...(reference === undefined ? {} : { reference }),
    ...(platform === undefined ? {} : { platform }),
    ...unpackOptions(options),
  })
