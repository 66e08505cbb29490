/** Devices of the machine that a container gets. Looked at now: the container has what was there when it was made. */
import { readdirSync, type Stats, statSync } from 'node:fs'
import type { LinuxDeviceType } from '../spec/types.ts'

export interface DeviceNumber {
  readonly major: number
  readonly minor: number
}

export interface DeviceFact extends DeviceNumber {
  readonly type: LinuxDeviceType
  /** On the machine. */
  readonly source: string
  /** In the container. */
  readonly path: string
  readonly fileMode: number
  readonly uid: number
  readonly gid: number
  /** Letters of `rwm`. */
  readonly access: string
}

/** makedev(3). */
export const numberOf = ({ rdev }: Stats): DeviceNumber => ({
  major: (rdev >> 8) & 0xfff,
  minor: (rdev & 0xff) | ((rdev >> 12) & 0xf_ff00),
})

const typeOf = (stat: Stats): LinuxDeviceType | undefined =>
  stat.isCharacterDevice() ? 'c' : stat.isBlockDevice() ? 'b' : stat.isFIFO() ? 'p' : undefined

/** Undefined for what is no device. */
export const deviceFact = (stat: Stats, source: string, path: string, access: string): DeviceFact | undefined => {
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
export const devicesBelow = (
  folder: string,
  target: string,
  access: string,
  leftOut: ReadonlySet<string> = new Set(),
): readonly DeviceFact[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry): readonly DeviceFact[] => {
    if (leftOut.has(entry.name) || entry.isSymbolicLink()) return []
    const [path, inside] = [`${folder}/${entry.name}`, `${target}/${entry.name}`]
    if (entry.isDirectory()) return devicesBelow(path, inside, access)
    const stat = statSync(path, { throwIfNoEntry: false })
    const found = stat === undefined || stat.isFIFO() ? undefined : deviceFact(stat, path, inside, access)
    return found === undefined ? [] : [found]
  })

/** What a privileged container has. */
export const machineDevices = (): readonly DeviceFact[] => devicesBelow('/dev', '/dev', 'rwm', LEFT_OUT)
