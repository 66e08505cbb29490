/** Who has volumes: containers that there are, by their configs; runs of this boot, by files. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import { isId } from '../ids.ts'
import { containerIds, readConfig } from '../store.ts'

export const volumesOf = ({ request }: Pick<ContainerConfig, 'request'>): Set<string> =>
  new Set(request.mounts.flatMap(({ type, source }) => (type === 'volume' && source !== undefined ? [source] : [])))

/** Containers by the volumes that they have, running or not, and those that are being made. */
export const usersOfVolumes = (home: Pick<Home, 'root' | 'runRoot'>): Map<string, ContainerConfig[]> => {
  const users = new Map<string, ContainerConfig[]>()
  for (const id of containerIds(home)) {
    const config = readConfig(home, id)
    if (config === undefined) continue
    for (const name of volumesOf(config)) users.set(name, [...(users.get(name) ?? []), config])
  }
  return users
}

/** Of volumes that are mounted on the machine: <run>/volumes/runs/<name>/<container> */
const folderOf = ({ runRoot }: Pick<Home, 'runRoot'>, name: string): string => `${runRoot}/volumes/runs/${name}`

/** Ids of containers whose run has this volume mounted. */
export const runsWith = (home: Pick<Home, 'runRoot'>, name: string): string[] => {
  try {
    return readdirSync(folderOf(home, name)).filter(isId)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return []
    throw error
  }
}

export const enterRun = (home: Pick<Home, 'runRoot'>, name: string, id: string): void => {
  mkdirSync(folderOf(home, name), { recursive: true, mode: 0o700 })
  writeFileSync(`${folderOf(home, name)}/${id}`, '', { mode: 0o600 })
}

export const leaveRun = (home: Pick<Home, 'runRoot'>, name: string, id: string): void =>
  rmSync(`${folderOf(home, name)}/${id}`, { force: true })

/** Names of volumes that are mounted on the machine for somebody. */
export const mountedVolumes = ({ runRoot }: Pick<Home, 'runRoot'>): string[] => {
  try {
    return readdirSync(`${runRoot}/volumes/runs`)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
}
