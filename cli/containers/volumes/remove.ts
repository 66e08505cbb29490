/** Removing volumes that no container has. */
import { WherryError } from '../../../runtime/errors.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import { shortId } from '../ids.ts'
import { diskUsage } from '../usage.ts'
import { isMounted } from './open.ts'
import { dropVolume, findVolume, listVolumes, lockedVolume, needVolume, type VolumeDocument, volumeFolder } from './store.ts'
import { runsWith, usersOfVolumes } from './users.ts'

const inUse = (name: string, users: readonly ContainerConfig[]): WherryError =>
  new WherryError(
    'failed-precondition',
    `volume ${name} is in use by ${users.map((user) => `${user.name} (${shortId(user.id)})`).join(', ')}: remove ${users.length === 1 ? 'that container' : 'those containers'} first`,
  )

const drop = async (home: Home, name: string): Promise<void> => {
  // what is mounted there is not the volume's to be removed
  if (runsWith(home, name).length > 0 || isMounted(home, name))
    throw new WherryError(
      'failed-precondition',
      `volume ${name} is still mounted: \`wherry ps --all\` cleans up behind containers that were killed`,
    )
  await dropVolume(home, name)
}

/** Throws `not-found`, `failed-precondition` naming the containers that have it. */
export const removeVolume = (home: Home, name: string): Promise<void> => {
  needVolume(home, name)
  return lockedVolume(home, name, async () => {
    const users = usersOfVolumes(home).get(name)
    if (users !== undefined) throw inUse(name, users)
    needVolume(home, name)
    await drop(home, name)
  })
}

/** With a container that is removed: those that were made for it and have no name, unless another has them too (--volumes-from). Idempotent. */
export const removeAnonymous = async (
  home: Home,
  { id, anonymousVolumes }: Pick<ContainerConfig, 'id' | 'anonymousVolumes'>,
): Promise<void> => {
  if (anonymousVolumes.length === 0) return
  const users = usersOfVolumes(home)
  for (const name of anonymousVolumes) {
    if (users.get(name)?.some((user) => user.id !== id)) continue
    await lockedVolume(home, name, () => dropVolume(home, name))
  }
}

export interface PrunedVolumes {
  readonly names: readonly string[]
  /** Bytes that were freed. */
  readonly bytes: number
}

/** Volumes that no container has. @param all also those that somebody has named */
export const pruneVolumes = async (home: Home, all: boolean, matches: (volume: VolumeDocument) => boolean): Promise<PrunedVolumes> => {
  const names: string[] = []
  let bytes = 0
  for (const { name } of listVolumes(home)) {
    await lockedVolume(home, name, async () => {
      const volume = findVolume(home, name)
      if (volume === undefined || (!all && !volume.anonymous) || !matches(volume)) return
      if (usersOfVolumes(home).has(name) || runsWith(home, name).length > 0) return
      const size = diskUsage(volumeFolder(home, name))
      await drop(home, name)
      names.push(name)
      bytes += size
    })
  }
  return { names, bytes }
}
