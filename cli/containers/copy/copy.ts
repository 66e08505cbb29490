/** cp: between a container and the machine, another container or a tar stream. Nothing of a container is executed, no link leads out of it. */
import { openOutput } from '../../../image/archive/output.ts'
import { streamToEnd } from '../../../image/archive/read-range.ts'
import { resolveUser } from '../../../image/apply/user.ts'
import { dataExtents } from '../../../image/archive/extents.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { Home } from '../home.ts'
import { findContainer } from '../store.ts'
import { isPseudo } from './at.ts'
import { type ContainerTree, openContainerTree } from './container-tree.ts'
import { becomeOwner } from './become.ts'
import type { Owner } from './ids.ts'
import type { OnSkip } from './item.ts'
import { Placer, pour } from './place.ts'
import { type Destination, findDestination, findFolder, findSource, type Side, type Source, throughLinks } from './rules.ts'
import { readTar } from './tar-in.ts'
import { writeTar } from './tar-out.ts'
import { hostTree, type Tree } from './tree.ts'
import { walk } from './walk.ts'

const STDIN = 0
const STDOUT = 1

export interface CopyOptions {
  /** Owners, set-id bits and extended attributes are kept. */
  readonly archive: boolean
  /** A symbolic link as the source is followed. */
  readonly followLink: boolean
  readonly overwrite: boolean
  /** `user[:group]`: of all that is made. */
  readonly owner?: string
  /** Relative paths of the machine begin there. */
  readonly cwd: string
  readonly signal: AbortSignal
  readonly onSkip: OnSkip
}

const ROOT: Owner = { uid: 0, gid: 0 }

/** Names are looked up in the container that is written to. */
const ownerFor = (tree: Tree, isHost: boolean, fromStream: boolean, { owner, archive }: CopyOptions): Owner | undefined => {
  if (owner !== undefined) {
    if (isHost && !/^\d+(:\d+)?$/.test(owner))
      throw new WherryError('invalid-argument', `--chown ${JSON.stringify(owner)}: on this side ids are wanted as numbers: UID or UID:GID`)
    const { uid, gid } = resolveUser(tree.root, owner)
    return { uid, gid: isHost && !owner.includes(':') ? process.getegid!() : gid }
  }
  if (archive || fromStream) return undefined
  return isHost ? { uid: process.geteuid!(), gid: process.getegid!() } : ROOT
}

interface Target {
  readonly tree: Tree
  readonly path: string
  readonly isHost: boolean
}

const placerFor = ({ tree, path, isHost }: Target, { folder }: Destination, fromStream: boolean, options: CopyOptions): Placer =>
  new Placer(tree, folder, {
    owner: ownerFor(tree, isHost, fromStream, options),
    exact: options.archive || fromStream,
    overwrite: options.overwrite,
    devices: !isHost,
    onSkip: options.onSkip,
    ...(fromStream && !isHost ? { through: throughLinks(tree, path) } : {}),
  })

const pathOf = (side: Side, cwd: string): string => {
  if (side.kind === 'stream') return '-'
  return side.kind === 'host' && !side.path.startsWith('/') ? `${cwd}/${side.path}` : side.path
}

const refusePseudo = (tree: Tree, path: string, { found, isFolder }: Source): void => {
  if (!isFolder && isPseudo(found.fd!))
    throw new WherryError('invalid-argument', `${tree.name}${path} is a file of the kernel’s, which cannot be copied: exec cat shows it`)
}

const fromStream = async (target: Target, options: CopyOptions): Promise<void> => {
  const destination = findFolder(target.tree, target.path)
  try {
    const placer = placerFor(target, destination, true, options)
    try {
      await readTar(streamToEnd(STDIN, options.signal), placer, options.signal)
      placer.end()
    } finally {
      placer.close()
    }
  } finally {
    destination.close()
  }
}

const toStream = async (tree: Tree, path: string, options: CopyOptions): Promise<void> => {
  const source = findSource(tree, path, { follow: options.followLink })
  const output = openOutput(STDOUT)
  try {
    refusePseudo(tree, path, source)
    await writeTar(walk(tree, source.found.fd!, source.name, options), output, options.signal)
  } finally {
    source.found.close()
    output.close()
  }
}

const between = (tree: Tree, path: string, target: Target, options: CopyOptions): void => {
  const source = findSource(tree, path, { follow: options.followLink })
  try {
    refusePseudo(tree, path, source)
    const destination = findDestination(target.tree, target.path, source)
    try {
      const placer = placerFor(target, destination, false, options)
      try {
        for (const item of walk(tree, source.found.fd!, destination.prefix, options)) {
          options.signal.throwIfAborted()
          const sink = placer.take(item)
          if (sink === undefined) continue
          pour(item.fd!, item.size, sink, dataExtents(item.fd!, item.size))
          sink.close()
        }
        placer.end()
      } finally {
        placer.close()
      }
    } finally {
      destination.close()
    }
  } finally {
    source.found.close()
  }
}

/** The containers of both sides, in the order of their ids: two copies in opposite directions do not wait for each other. */
const openTrees = async (home: Home, sides: readonly Side[], signal: AbortSignal): Promise<Map<Side, ContainerTree>> => {
  const wanted = sides
    .flatMap((side) => (side.kind === 'container' ? [{ side, id: findContainer(home, side.container).id }] : []))
    .sort((a, b) => (a.id < b.id ? -1 : 1))
  if (wanted.length === 2 && wanted[0]!.id === wanted[1]!.id)
    throw new WherryError('invalid-argument', 'both sides are in the same container: use exec with a cp of its own')
  const trees = new Map<Side, ContainerTree>()
  try {
    for (const { side, id } of wanted) trees.set(side, await openContainerTree(home, id, signal))
    return trees
  } catch (error) {
    for (const tree of trees.values()) await tree.close()
    throw error
  }
}

/** Throws `not-found`, `invalid-argument`, `already-exists` (a folder where a file is to be, and the other way round), `failed-precondition`. */
export const copy = async (home: Home, from: Side, to: Side, options: CopyOptions): Promise<void> => {
  const trees = await openTrees(home, [from, to], options.signal)
  const host = hostTree()
  try {
    const [source, target] = [trees.get(from) ?? host, trees.get(to) ?? host]
    if (to.kind === 'stream') return await toStream(source, pathOf(from, options.cwd), options)
    const place = { tree: target, path: pathOf(to, options.cwd), isHost: to.kind === 'host' }
    const init = trees.get(to)?.init
    if (init !== undefined) becomeOwner(init)
    if (from.kind === 'stream') return await fromStream(place, options)
    between(source, pathOf(from, options.cwd), place, options)
  } finally {
    host.close()
    for (const tree of trees.values()) await tree.close()
  }
}
