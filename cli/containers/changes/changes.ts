/** What a container has added, changed and removed, compared with its image. */
import { closeSync, constants, openSync } from 'node:fs'
import { Merged } from '../../../image/layer/merged.ts'
import { joined, parentOf } from '../../../image/layer/names.ts'
import { S_IFDIR, S_IFMT } from '../../../runtime/sys/abi/stat.ts'
import { openFolderStraight, statOf } from '../../../image/layer/unpack/calls.ts'
import { styleOf } from '../../../runtime/rootfs/open.ts'
import type { ContainerConfig } from '../config.ts'
import { namesIn } from '../copy/at.ts'
import type { Home } from '../home.ts'
import { lowersOf } from '../rootfs.ts'
import { type Written, requireLayers, walkUpper } from './layer-folder.ts'

export interface Change {
  /** docker’s letters. */
  readonly kind: 'A' | 'C' | 'D'
  /** Without a slash in front. */
  readonly path: string
}

/** Places that every container gets something mounted on: they are made where the image has none. */
const MOUNT_POINTS = ['proc', 'sys', 'dev', 'etc/hosts', 'etc/hostname', 'etc/resolv.conf', 'run/.containerenv']

interface Noted extends Change {
  readonly isFolder: boolean
  /** It differs by itself, and not only in what is in it. */
  readonly matters: boolean
}

class Comparison {
  readonly #fds: number[] = []
  readonly #below: Merged
  readonly #points: ReadonlySet<string>
  readonly #noted: Noted[] = []

  constructor(home: Home, config: ContainerConfig) {
    const lowers = lowersOf(home, config)
    try {
      for (const folder of lowers.toReversed())
        this.#fds.push(openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY | constants.O_NOFOLLOW))
    } catch (error) {
      this.close()
      throw error
    }
    this.#below = new Merged(this.#fds, `${styleOf({ lowers })}.overlay.opaque`)
    this.#points = new Set(MOUNT_POINTS)
  }

  close(): void {
    for (const fd of this.#fds.splice(0)) closeSync(fd)
  }

  /** Names that the layers below have in a folder that hides them now. */
  #removedBelow(path: string, own: ReadonlySet<string>): void {
    const names = new Set<string>()
    for (const root of this.#fds) {
      const fd = openFolderStraight(root, path)
      if (fd < 0) continue
      try {
        for (const name of namesIn(fd)) names.add(name)
      } finally {
        closeSync(fd)
      }
    }
    // of these, what can be seen
    for (const name of [...names].sort())
      if (!own.has(name) && this.#isBelow(joined(path, name)))
        this.#noted.push({ kind: 'D', path: joined(path, name), isFolder: false, matters: true })
  }

  #isBelow(path: string): boolean {
    const found = this.#below.find(path, false)
    return found !== undefined && found.kind !== 'missing'
  }

  note({ item, hides, opaque }: Written): void {
    const { path, type, fd } = item
    if (path === '') return
    const found = this.#below.find(path, false)
    const place = found?.kind === 'missing' ? undefined : found
    if (hides) {
      if (place !== undefined) this.#noted.push({ kind: 'D', path, isFolder: false, matters: true })
      return
    }
    const isFolder = type === 'directory'
    const before =
      place === undefined
        ? undefined
        : place.kind === 'folder'
          ? { folder: true, ...statOf(place.fd, path) }
          : { folder: (place.stat.mode & S_IFMT) === S_IFDIR, ...place.stat }
    const same =
      isFolder && before?.folder === true && (before.mode & 0o7777) === item.mode && before.uid === item.uid && before.gid === item.gid
    const point = before === undefined && this.#points.has(path) && (isFolder || (type === 'file' && item.size === 0))
    this.#noted.push({ kind: before === undefined ? 'A' : 'C', path, isFolder, matters: !same && !point })
    if (opaque && before?.folder === true) this.#removedBelow(path, new Set(namesIn(fd!)))
  }

  /** Folders that only lead to a change are told of too; those that lead to none, and mount points, are not. */
  result(): Change[] {
    const telling = new Set<string>()
    const told = this.#noted
      .toSorted((a, b) => (a.path < b.path ? 1 : -1))
      .filter(({ path, matters }) => {
        if (!matters && !telling.has(path)) return false
        for (let folder = parentOf(path); folder !== '' && !telling.has(folder); folder = parentOf(folder)) telling.add(folder)
        return true
      })
    return told.reverse().map(({ kind, path }) => ({ kind, path }))
  }

  end(): void {
    this.#below.close()
    this.close()
  }
}

/** By path. What goes while it is read is passed over. Throws `failed-precondition` for a container without an image. */
export const readChanges = (home: Home, config: ContainerConfig): Change[] => {
  requireLayers(config, 'there is nothing to compare it with')
  const comparison = new Comparison(home, config)
  try {
    // sockets are files of the container like others
    for (const written of walkUpper(home, config, () => {})) comparison.note(written)
    return comparison.result()
  } finally {
    comparison.end()
  }
}
