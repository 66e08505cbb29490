/** The config that a container was created with, from the copy that the engine keeps. */
import { loadJson } from '../spec/load.ts'
import { object, optional } from '../spec/field.ts'
import { hooks } from '../spec/parse-hooks.ts'
import { parseSpec } from '../spec/parse.ts'
import type { Hooks, Spec } from '../spec/types.ts'
import type { Store } from './store.ts'
import type { ContainerRecord } from './types.ts'

const jsonOf = (store: Store, { id }: ContainerRecord): unknown => loadJson(store.file(id, 'config.json'), 'config.json')

export const specOf = (store: Store, record: ContainerRecord): Spec => parseSpec(jsonOf(store, record), record.bundle, () => {})

/** The hooks of that config. The rest was checked when the container was created: parsing it again takes half a millisecond. */
export const hooksOf = (store: Store, record: ContainerRecord): Hooks | undefined =>
  record.hookless === true ? undefined : optional(object(jsonOf(store, record), ''), '', 'hooks', hooks)
