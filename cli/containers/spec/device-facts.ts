/** Devices of the machine: those of --device and of privileged containers, and those whose use is limited. */
import { readdirSync, type Stats, statSync } from 'node:fs'
import { WherryError } from '../../../runtime/errors.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import type { ContainerRequest, DeviceRequest, ResourceRequest } from '../request.ts'
import type { DeviceFact, DeviceNumber } from './facts.ts'

/** makedev(3). */
const numberOf = ({ rdev }: Stats): DeviceNumber => ({ major: (rdev >> 8) & 0xfff, minor: (rdev & 0xff) | ((rdev >> 12) & 0xf_ff00) })

const typeOf = (stat: Stats): 'c' | 'b' | 'p' | undefined =>
  stat.isCharacterDevice() ? 'c' : stat.isBlockDevice() ? 'b' : stat.isFIFO() ? 'p' : undefined

const fact = (stat: Stats, source: string, path: string, access: string): DeviceFact | undefined => {
  const type = typeOf(stat)
  if (type === undefined) return undefined
  const number = type === 'p' ? { major: 0, minor: 0 } : numberOf(stat)
  return { type, source, path, ...number, fileMode: stat.mode & 0o777, uid: stat.uid, gid: stat.gid, access }
}

/** Not devices of the machine: the terminals of others, and what the container has of its own. */
const LEFT_OUT = new Set([
  'pts',
  'shm',
  'fd',
  'mqueue',
  'hugepages',
  '.lxc',
  '.lxd-mounts',
  '.udev',
  'console',
  'ptmx',
  'core',
  'log',
  'initctl',
])

/** All below a folder; links are not followed, and what goes meanwhile is left out. */
const below = (folder: string, target: string, access: string, leftOut: ReadonlySet<string>): readonly DeviceFact[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry): readonly DeviceFact[] => {
    if (leftOut.has(entry.name) || entry.isSymbolicLink()) return []
    const [path, inside] = [`${folder}/${entry.name}`, `${target}/${entry.name}`]
    if (entry.isDirectory()) return below(path, inside, access, new Set())
    const stat = statSync(path, { throwIfNoEntry: false })
    const found = stat === undefined || stat.isFIFO() ? undefined : fact(stat, path, inside, access)
    return found === undefined ? [] : [found]
  })

const statOf = (path: string): Stats => {
  try {
    return statSync(path)
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR'))
      throw new WherryError('not-found', `--device: ${path} does not exist on this machine`, { cause: error })
    throw error
  }
}

const wanted = ({ source, target, access }: DeviceRequest): readonly DeviceFact[] => {
  const stat = statOf(source)
  if (stat.isDirectory()) {
    const found = below(source, target, access, new Set())
    if (found.length > 0) return found
    throw new WherryError('invalid-argument', `--device: there are no devices in the folder ${source}`)
  }
  const found = fact(stat, source, target, access)
  if (found === undefined) throw new WherryError('invalid-argument', `--device: ${source} is no device: use --volume for files and folders`)
  return [found]
}

/** Of a path that is given twice the last counts. */
export const deviceFacts = ({ devices, security }: Pick<ContainerRequest, 'devices' | 'security'>): readonly DeviceFact[] => {
  const all = [...(security.privileged ? below('/dev', '/dev', 'rwm', LEFT_OUT) : []), ...devices.flatMap(wanted)]
  return [...new Map(all.map((device) => [device.path, device] as const)).values()]
}

/** By path, of those that limits name. Throws `not-found`, `invalid-argument`. */
export const blockDevicesOf = (resources: ResourceRequest): ReadonlyMap<string, DeviceNumber> => {
  const { blkioWeightDevice, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops } = resources
  const paths = [blkioWeightDevice, deviceReadBps, deviceWriteBps, deviceReadIops, deviceWriteIops].flatMap((list) =>
    (list ?? []).map(({ path }) => path),
  )
  return new Map(
    paths.map((path) => {
      const stat = statSync(path, { throwIfNoEntry: false })
      if (stat === undefined) throw new WherryError('not-found', `${path}: there is no such device on this machine`)
      if (!stat.isBlockDevice()) throw new WherryError('invalid-argument', `${path}: is no block device, whose use could be limited`)
      return [path, numberOf(stat)] as const
    }),
  )
}
