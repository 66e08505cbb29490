/** The config that a container was created with, from the copy that the engine keeps. */
import { loadJson } from '../spec/load.ts'
import { parseSpec } from '../spec/parse.ts'
import type { Spec } from '../spec/types.ts'
import type { Store } from './store.ts'
import type { ContainerRecord } from './types.ts'

export const specOf = (store: Store, { id, bundle }: ContainerRecord): Spec => {
  const file = store.file(id, 'config.json')
  return parseSpec(loadJson(file, 'config.json'), bundle, () => {})
}
