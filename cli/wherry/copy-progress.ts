/** Progress of images that are sent somewhere. */
import type { CopyProgress } from '../../image/archive/copy.ts'
import type { Progress } from '../support/progress/progress.ts'
import { shortId } from './image-names.ts'

const STATES = { there: 'exists', sending: 'sending', done: 'sent' } as const

/** @param verb what is done to the bytes: `pushing`, `saving` */
export const showCopy =
  (progress: Progress, verb: string, done: string) =>
  ({ descriptor, state, sent }: CopyProgress): void =>
    progress.set(descriptor.digest, {
      label: shortId(descriptor.digest),
      state: state === 'sending' ? verb : state === 'done' ? done : STATES[state],
      phase: state === 'sending' ? 'active' : 'done',
      done: sent,
      total: descriptor.size,
    })
