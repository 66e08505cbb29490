/** Starts a keeper: prepares its folders, gives it its descriptors and lets it go. Nothing of this process stays with it. */
import { closeSync, readFileSync } from 'node:fs'
import type { Image } from '../program/link.ts'
import { isErrno } from '../sys/error.ts'
import { executableFile, posixSpawn } from '../sys/spawn.ts'
import { ARCH, syscall } from '../sys/syscall.ts'
import { Connection } from './connection.ts'
import { Keeper } from './keeper.ts'
import type { KeeperOptions } from './options.ts'
import { keeperFile } from './parameters.ts'
import { Preparation, prepare } from './prepare.ts'

/** What becomes the keeper. */
export interface KeeperImage {
  /** For the words of a failure: only then it is asked for. */
  readonly image: () => Promise<Image>
  /** Descriptor of the executable. */
  readonly executable: number
  readonly argv: readonly string[]
}

interface Loaded {
  readonly elf: Uint8Array
  readonly image: () => Promise<Image>
  /** Of all keepers of this process: they share its memory. */
  executable?: number
}

const compile = async (terminal: boolean): Promise<Image> => {
  const [{ link }, { keeperProgram }] = await Promise.all([import('../program/link.ts'), import('./program.ts')])
  return link(keeperProgram({ arch: ARCH, terminal }))
}

/** What the build has compiled (scripts/keepers.ts); undefined where nothing was built. */
const built = (terminal: boolean): Uint8Array | undefined => {
  try {
    return readFileSync(`${import.meta.dirname}/wherry/${keeperFile(ARCH, terminal)}`)
  } catch (error) {
    if (isErrno(error, 'ENOENT')) return undefined
    throw error
  }
}

const loaded = new Map<boolean, Loaded>()

/** Before `startKeeper`: gets its program, which is the same for all containers, and compiled when Wherry is built. */
export const loadKeeper = async (terminal: boolean): Promise<void> => {
  if (loaded.has(terminal)) return
  const elf = built(terminal)
  if (elf !== undefined) {
    loaded.set(terminal, { elf, image: () => compile(terminal) })
    return
  }
  const image = await compile(terminal)
  loaded.set(terminal, { elf: image.elf, image: async () => image })
}

const keeperImage = (terminal: boolean, folder: string): KeeperImage => {
  const program = loaded.get(terminal)
  if (program === undefined) throw new TypeError('startKeeper before loadKeeper')
  program.executable ??= executableFile(program.elf, folder)
  return { image: program.image, executable: program.executable, argv: ['wherry:keeper'] }
}

/**
 * Starts a keeper, whose program is loaded, and is its subscriber. Returns once the keeper has left this process; whether init exists is told by `begun`.
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
