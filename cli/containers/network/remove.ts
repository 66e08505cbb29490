/** network rm and prune. */
import { WherryError } from '../../../runtime/errors.ts'
import { Attachments } from '../../../runtime/network/attachments.ts'
import type { Home } from '../home.ts'
import { shortId } from '../ids.ts'
import { containerIds, readConfig } from '../store.ts'
import { tidyAll } from '../tidy.ts'
import { removeBridge } from './bridges.ts'
import { dropDefinition, findDefinition } from './definitions.ts'
import { type ListedNetwork, listNetworks, needNetwork } from './list.ts'
import { networkNames } from './plan.ts'
import { reconcileNetworks } from './reconcile.ts'

const nameOf = (home: Home, id: string): string => {
  const name = readConfig(home, id)?.name
  return name === undefined ? shortId(id) : `${name} (${shortId(id)})`
}

const refuseAttached = (home: Home, network: string): void => {
  const attached = new Attachments(home.runRoot).list(network).map(({ container }) => nameOf(home, container))
  if (attached.length === 0) return
  throw new WherryError(
    'failed-precondition',
    `network ${network} is in use by ${attached.join(', ')}: stop ${attached.length === 1 ? 'it' : 'them'}, or take ${attached.length === 1 ? 'it' : 'them'} off it (wherry network disconnect ${network} CONTAINER)`,
  )
}

const refuseForeign = ({ name, builtin, driver }: ListedNetwork): void => {
  if (builtin) throw new WherryError('failed-precondition', `network ${name} is always there and cannot be removed`)
  if (driver === 'cni')
    throw new WherryError(
      'failed-precondition',
      `network ${name} is CNI's: it goes when its file in the folder of CNI's configurations is removed`,
    )
}

const drop = (home: Home, name: string): boolean => {
  const definition = findDefinition(home, name)
  if (definition === undefined) return false
  // who is attached at the same time has the lock before us, or finds the file gone
  const attachments = new Attachments(home.runRoot)
  const dropped = attachments.locked(name, () => dropDefinition(home, name, () => refuseAttached(home, name)))
  if (dropped) removeBridge(home, definition)
  return dropped
}

/** What killed processes left of containers that have ended is no use of a network. */
const tidyNetworks = async (home: Home): Promise<void> => {
  await tidyAll(home)
  await reconcileNetworks(home)
}

/** By name or id; returns its name. Throws `not-found`, `failed-precondition` naming the containers in it. */
export const removeNetwork = async (home: Home, text: string): Promise<ListedNetwork> => {
  const network = needNetwork(home, text)
  refuseForeign(network)
  await tidyNetworks(home)
  if (!drop(home, network.name)) throw new WherryError('not-found', `network ${network.name} was removed just now`)
  return network
}

/** Removes those that no container, running or not, is to be in, and that `matches` is true of. Returns their names. */
export const pruneNetworks = async (home: Home, matches: (network: ListedNetwork) => boolean): Promise<string[]> => {
  await tidyNetworks(home)
  const wanted = new Set(
    containerIds(home).flatMap((id) => [...networkNames(readConfig(home, id)?.request.network ?? { mode: 'none', names: [] })]),
  )
  const removed: string[] = []
  for (const network of listNetworks(home)) {
    if (network.driver !== 'bridge' || network.builtin || wanted.has(network.name) || !matches(network)) continue
    try {
      if (drop(home, network.name)) removed.push(network.name)
    } catch (error) {
      // somebody has just come
      if (!(error instanceof WherryError) || error.kind !== 'failed-precondition') throw error
    }
  }
  return removed
}
