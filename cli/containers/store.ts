/** Containers as they are written down: reading, listing, finding. */
import { mkdirSync, readdirSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { ContainerConfig, ContainerState } from './config.ts'
import { readDocument, writeDocument } from './documents.ts'
import { type Home, placesOf } from './home.ts'
import { isId, shortId } from './ids.ts'
import { holderOf } from './names.ts'

export interface Container {
  readonly id: string
  readonly config: ContainerConfig
  readonly state: ContainerState
}

type Roots = Pick<Home, 'root' | 'runRoot'>

export const readConfig = (home: Roots, id: string): ContainerConfig | undefined =>
  readDocument<ContainerConfig>(placesOf(home, id).config, 1)

export const readState = (home: Roots, id: string): ContainerState | undefined => readDocument<ContainerState>(placesOf(home, id).state, 1)

/** Undefined for one that does not exist, or not yet: it exists once its state is written. */
export const readContainer = (home: Roots, id: string): Container | undefined => {
  const state = readState(home, id)
  const config = state === undefined ? undefined : readConfig(home, id)
  return state === undefined || config === undefined ? undefined : { id, config, state }
}

/** What goes when it ends need not survive a power cut. */
const isDurable = ({ request }: ContainerConfig): boolean => !request.autoRemove

export const writeConfig = (home: Roots, config: ContainerConfig): void =>
  writeDocument(placesOf(home, config.id).config, config, { durable: isDurable(config) })

/** With the container's lock held. */
export const writeState = (home: Roots, config: ContainerConfig, state: ContainerState): void =>
  writeDocument(placesOf(home, config.id).state, state, { durable: isDurable(config) })

/** Throws `already-exists`. */
export const makeFolder = (home: Roots, id: string): void => {
  const { folder } = placesOf(home, id)
  try {
    mkdirSync(folder, { mode: 0o700 })
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw new WherryError('already-exists', `there is a container ${id}`)
    if (!isErrno(error, 'ENOENT')) throw error
    mkdirSync(`${home.root}/containers`, { recursive: true, mode: 0o700 })
    mkdirSync(folder, { mode: 0o700 })
  }
}

export const idsIn = (folder: string): string[] => {
  try {
    return readdirSync(folder).filter(isId).sort()
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}

/** Also of those that are being made or removed. */
export const containerIds = ({ root }: Roots): string[] => idsIn(`${root}/containers`)

export const newestFirst = <T extends Container>(containers: readonly T[]): T[] =>
  containers.toSorted((a, b) => (a.config.created < b.config.created ? 1 : a.config.created > b.config.created ? -1 : 0))

/** All there are, the newest first. */
export const listContainers = (home: Roots): Container[] =>
  newestFirst(
    containerIds(home)
      .map((id) => readContainer(home, id))
      .filter((container) => container !== undefined),
  )

const named = (home: Roots, name: string): Container | undefined => {
  const id = holderOf(home, name)
  const container = id === undefined ? undefined : readContainer(home, id)
  return container?.config.name === name ? container : undefined
}

/**
 * By id, by name, or by an id's first digits when they are one container's only. Undefined if there is none. Throws `invalid-argument`,
 * naming the candidates of an ambiguous one.
 */
export const tryFind = (home: Roots, text: string): Container | undefined => {
  const name = text.startsWith('/') ? text.slice(1) : text
  const exact = (isId(name) ? readContainer(home, name) : undefined) ?? named(home, name)
  if (exact !== undefined || !/^[0-9a-f]{1,64}$/.test(name)) return exact
  const found = containerIds(home)
    .filter((id) => id.startsWith(name))
    .map((id) => readContainer(home, id))
    .filter((container) => container !== undefined)
  if (found.length > 1) {
    const candidates = found.map(({ id, config }) => `${shortId(id)} (${config.name})`).join(', ')
    throw new WherryError('invalid-argument', `container ${text} is ambiguous: ${candidates}; write more of the id, or a name`)
  }
  return found[0]
}

/** Throws `not-found`. */
export const findContainer = (home: Roots, text: string): Container => {
  const container = tryFind(home, text)
  if (container !== undefined) return container
  throw new WherryError(
    'not-found',
    `there is no container ${JSON.stringify(text.slice(0, 200))}: \`wherry ps --all\` lists those there are`,
  )
}
