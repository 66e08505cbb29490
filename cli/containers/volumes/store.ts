/**
 * The volumes there are. Making and removing them is done with the lock of their folder, for a moment.
 *
 *   <root>/volumes/<name>/volume.json     VolumeDocument
 *   <root>/volumes/<name>/_data           the files; in their place may be what the options name
 *   <root>/volumes/,<name>                on its way out
 */
import { closeSync, constants, mkdirSync, openSync, readdirSync, renameSync } from 'node:fs'
import { removeTree } from '../../../image/store/remove-tree.ts'
import { WherryError } from '../../../runtime/errors.ts'
import { LOCK_EX } from '../../../runtime/sys/abi/fcntl.ts'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syscall } from '../../../runtime/sys/syscall.ts'
import { readDocument, syncFolder, writeDocument } from '../documents.ts'
import type { Home } from '../home.ts'
import { timeNow } from '../times.ts'

export interface VolumeDocument {
  readonly version: 1
  readonly name: string
  /** RFC 3339 with nanoseconds, UTC. */
  readonly created: string
  readonly labels: Readonly<Record<string, string>>
  /** Of the driver, which is `local`: type, device, o. */
  readonly options: Readonly<Record<string, string>>
  /** Made for a container and not named by anybody. */
  readonly anonymous: boolean
  /** Nobody has mounted it yet: it gets what the image has in its place. */
  readonly fresh: boolean
}

type Root = Pick<Home, 'root'>

const NAME = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,254}$/

/** Throws `invalid-argument`. */
export const checkVolumeName = (name: string): string => {
  if (NAME.test(name)) return name
  throw new WherryError(
    'invalid-argument',
    `volume name ${JSON.stringify(name.slice(0, 300))}: letters, digits, '_', '.' and '-' are allowed, the first a letter or digit, 255 at most`,
  )
}

const folderOf = ({ root }: Root): string => `${root}/volumes`
export const volumeFolder = (home: Root, name: string): string => `${folderOf(home)}/${checkVolumeName(name)}`
/** Where its files are seen; docker’s Mountpoint. */
export const dataFolder = (home: Root, name: string): string => `${volumeFolder(home, name)}/_data`
const documentOf = (home: Root, name: string): string => `${volumeFolder(home, name)}/volume.json`

/** Undefined where there is none. */
export const findVolume = (home: Root, name: string): VolumeDocument | undefined =>
  NAME.test(name) ? readDocument<VolumeDocument>(documentOf(home, name), 1) : undefined

/** Throws `not-found`. */
export const needVolume = (home: Root, name: string): VolumeDocument => {
  const found = findVolume(home, name)
  if (found !== undefined) return found
  throw new WherryError('not-found', `there is no volume ${JSON.stringify(name.slice(0, 300))}: \`wherry volume ls\` lists those there are`)
}

export const listVolumes = (home: Root): VolumeDocument[] => {
  let names: string[]
  try {
    names = readdirSync(folderOf(home))
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return []
    throw error
  }
  return names.sort().flatMap((name) => findVolume(home, name) ?? [])
}

/** Runs `work` as the only one who makes, fills or removes volumes of this name. The thread waits for others. */
export const lockedVolume = async <T>(home: Pick<Home, 'runRoot'>, name: string, work: () => T | Promise<T>): Promise<T> => {
  const folder = `${home.runRoot}/volumes/locks`
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  // the file stays: whoever waits for it has it open
  const path = `${folder}/${checkVolumeName(name)}`
  const fd = openSync(path, constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW, 0o600)
  try {
    syscall('flock', [fd, LOCK_EX], { args: [path, 'LOCK_EX'] })
    return await work()
  } finally {
    closeSync(fd)
  }
}

export type VolumeRequest = Pick<VolumeDocument, 'name' | 'labels' | 'options' | 'anonymous'>

/** Written as the last of it: a volume without is none, and is made again over what there is. With the volume's lock held. */
export const makeVolume = (home: Root, { name, labels, options, anonymous }: VolumeRequest): VolumeDocument => {
  const document: VolumeDocument = { version: 1, name, created: timeNow(), labels, options, anonymous, fresh: true }
  mkdirSync(volumeFolder(home, name), { recursive: true, mode: 0o700 })
  try {
    mkdirSync(dataFolder(home, name), { mode: 0o755 })
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
  }
  writeVolume(home, document)
  syncFolder(folderOf(home))
  return document
}

/** With the volume's lock held. */
export const writeVolume = (home: Root, document: VolumeDocument): void =>
  writeDocument(documentOf(home, document.name), document, { durable: !document.anonymous })

/** With the volume's lock held; its files go at once for everybody, and then one by one. Idempotent. */
export const dropVolume = async (home: Root, name: string): Promise<void> => {
  const leaving = `${folderOf(home)}/,${checkVolumeName(name)}`
  await removeTree(leaving)
  try {
    renameSync(volumeFolder(home, name), leaving)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return
    throw error
  }
  await removeTree(leaving)
}
