/** What inspect shows that is no container: the same as the verbs of these things show. */
import { imageOfStore } from '../../image/inspect/image.ts'
import { inspectImage } from '../../image/inspect/inspect.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Home } from '../containers/home.ts'
import { needNetwork } from '../containers/network/list.ts'
import { findVolume } from '../containers/volumes/store.ts'
import type { Context } from './context.ts'
import { forTemplate as imageForTemplate } from './image-inspect.ts'
import { forTemplate as networkForTemplate, inspected } from './network-inspect.ts'
import { readStore } from './store.ts'
import { inspectedVolume } from './volume-facts.ts'
import { forTemplate as volumeForTemplate } from './volume-inspect.ts'

export interface FoundThing {
  readonly value: object
  readonly forTemplate: unknown
}

/** Undefined for what is no name of such a thing, or of none. */
const sought = <T>(find: () => T | undefined): T | undefined => {
  try {
    return find()
  } catch (error) {
    if (error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'invalid-argument')) return undefined
    throw error
  }
}

export const imageOf = async (text: string, context: Context): Promise<FoundThing | undefined> => {
  const store = readStore(context)
  const image = sought(() => store.images.find(text))
  if (image === undefined) return undefined
  const entries = store.images.list().filter(({ id }) => id !== undefined && id === image.id)
  const value = inspectImage(await imageOfStore(store, image), entries)
  return { value, forTemplate: imageForTemplate(value) }
}

export const volumeOf = async (text: string, home: Home): Promise<FoundThing | undefined> => {
  const volume = sought(() => findVolume(home, text))
  if (volume === undefined) return undefined
  const value = inspectedVolume(home, volume)
  return { value, forTemplate: volumeForTemplate(value) }
}

export const networkOf = async (text: string, home: Home): Promise<FoundThing | undefined> => {
  const network = sought(() => needNetwork(home, text))
  if (network === undefined) return undefined
  const value = inspected(home, network)
  return { value, forTemplate: networkForTemplate(value) }
}
