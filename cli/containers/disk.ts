/** What containers and volumes take on the disk. */
import { type Home, placesOf } from './home.ts'
import { isUp, type Status, statusOf } from './status.ts'
import type { Container } from './store.ts'
import { tidyAll } from './tidy.ts'
import { diskUsage } from './usage.ts'
import { listVolumes, volumeFolder } from './volumes/store.ts'
import { usersOfVolumes } from './volumes/users.ts'

export interface ContainerUsage {
  readonly container: Container
  readonly status: Status
  /** Bytes of what it has written and logged. */
  readonly size: number
  readonly active: boolean
}

export interface VolumeUsage {
  readonly name: string
  readonly size: number
  /** How many containers have it. */
  readonly links: number
}

export const containersUsage = async (home: Home): Promise<ContainerUsage[]> => {
  const found: ContainerUsage[] = []
  for (const container of await tidyAll(home)) {
    const status = await statusOf(home, container)
    found.push({ container, status, size: diskUsage(placesOf(home, container.id).folder), active: isUp(status) || status === 'restarting' })
  }
  return found
}

export const volumesUsage = (home: Home): VolumeUsage[] => {
  const users = usersOfVolumes(home)
  return listVolumes(home).map(({ name }) => ({ name, size: diskUsage(volumeFolder(home, name)), links: users.get(name)?.length ?? 0 }))
}
