/** Starts a keeper: prepares its folders, gives it its descriptors and lets it go. Nothing of this process stays with it. */
import { closeSync } from 'node:fs'
import { type Image, link } from '../program/link.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { Connection } from './connection.ts'
import { Keeper } from './keeper.ts'
import type { KeeperOptions } from './options.ts'
import { Preparation, prepare } from './prepare.ts'
import { keeperProgram } from './program.ts'

/** What becomes the keeper. */
export interface KeeperImage {
  readonly image: Image
  /** Descriptor of the executable. */
  readonly executable: number
  readonly argv: readonly string[]
}

const images = new Map<boolean, KeeperImage>()

/** One executable for all keepers of this process: they share its memory. */
const keeperImage = (terminal: boolean, folder: string): KeeperImage => {
  let known = images.get(terminal)
  if (known === undefined) {
    const image = link(keeperProgram({ arch: ARCH, terminal }))
    known = { image, executable: executableFile(image.elf, folder), argv: ['wherry:keeper'] }
    images.set(terminal, known)
  }
  return known
}

/**
 * Starts a keeper and is its subscriber. Returns once the keeper has left this process; whether init exists is told by `begun`.
 * Throws SyscallError or WherryError, and leaves nothing in the folders but the spool.
 */
export const startKeeper = (options: KeeperOptions): Keeper => launchKeeper(keeperImage(options.terminal, options.run), options)

/** The same with an executable of the caller's, which is to be the program that `keeperProgram` makes for `options.terminal`. */
export const launchKeeper = ({ image, executable, argv }: KeeperImage, options: KeeperOptions): Keeper => {
  if (options.terminal && options.stdin !== 'none') throw new TypeError('stdin of a container with a terminal is the terminal')
  const own = new Preparation()
  let ours: number | undefined
  try {
    ours = prepare(own, options)
    const pid = posixSpawn(executable, argv, own.placements)
    syscall('wait4', [pid, Buffer.alloc(4), 0, 0])
    own.close()
    return new Keeper(new Connection(ours), image, { run: options.run, spool: options.spool })
  } catch (error) {
    own.undo()
    if (ours !== undefined) closeSync(ours)
    throw error
  }
}
