/** The disk that images and containers are on. */
import { humanSize } from '../support/human.ts'
import { type Check, limited, type Machine, missing, ok } from './check.ts'

/** linux/magic.h */
const NAMES: Readonly<Record<number, string>> = {
  61267: 'ext4',
  1481003842: 'xfs',
  2435016766: 'btrfs',
  16914836: 'tmpfs',
  2035054128: 'overlay',
  26985: 'nfs',
  1702057286: 'fuse',
  4283649346: 'cifs',
  801189825: 'zfs',
}

/** What overlay’s upper folders cannot be on. */
const UNFIT = new Set(['overlay', 'nfs', 'cifs', 'fuse'])

const GIB = 1024 ** 3
const LITTLE = 2 * GIB
const FEW_INODES = 100_000

const fileSystem = ({ path, type }: ReturnType<Machine['disk']>): Check => {
  const name = NAMES[type] ?? `of type 0x${type.toString(16)}`
  if (UNFIT.has(name))
    return missing(
      'file system',
      `${path} is on ${name}`,
      'overlay cannot write there: no container starts',
      'give --root DIR, or WHERRY_ROOT, a folder on ext4 or xfs',
    )
  if (name === 'tmpfs')
    return limited('file system', `${path} is on tmpfs`, 'images and containers are in memory, and gone with the machine’s next start')
  return ok('file system', `${path} is on ${name}`)
}

const space = ({ free, total, freeInodes, path }: ReturnType<Machine['disk']>): Check => {
  const found = `${humanSize(free)} of ${humanSize(total)} free`
  const mend = 'wherry system prune --all'
  // file systems that make inodes as they need them have none free
  if (freeInodes > 0 && freeInodes < FEW_INODES)
    return limited('disk', `${freeInodes} inodes free on ${path}`, 'images with many files do not unpack', mend)
  return free < LITTLE ? limited('disk', found, 'larger images do not unpack', mend) : ok('disk', found)
}

const quota = ({ quota: has, path }: ReturnType<Machine['disk']>): Check =>
  has
    ? ok('quota', 'project quotas are on')
    : limited(
        'quota',
        `none on ${path}`,
        '--storage-opt size= is refused',
        'tune2fs -O project,quota DEVICE and mount it with prjquota (ext4), or mount with prjquota (xfs)',
      )

export const storageChecks = (machine: Machine): Check[] => {
  const disk = machine.disk()
  return [fileSystem(disk), space(disk), quota(disk)]
}
