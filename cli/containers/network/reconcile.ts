/** Leases of containers that are no more: of those whose folder a killed process or somebody else took away before their leases. */
import type { Home } from '../home.ts'
import { tryLock, unlock } from '../lock.ts'
import { containerIds } from '../store.ts'
import { endpoints } from './endpoints.ts'
import { leaveNetwork } from './run.ts'

/** Gives back what those have that do not exist. What cannot be undone is told of. */
export const reconcileNetworks = async (home: Home): Promise<void> => {
  const holders = new Set(endpoints(home).map(({ container }) => container))
  if (holders.size === 0) return
  const ids = new Set(containerIds(home))
  for (const id of holders) {
    if (ids.has(id)) continue
    const fd = tryLock(home, id)
    if (fd === undefined) continue
    try {
      // one that is being made has its lock before its folder
      if (!containerIds(home).includes(id)) await leaveNetwork(home, id)
    } catch (error) {
      home.warn(`network of container ${id}: ${error instanceof Error ? error.message : String(error)}`)
    } finally {
      unlock(fd)
    }
  }
}
