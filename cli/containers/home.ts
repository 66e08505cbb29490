/** Where containers live, and by what they are driven: what all of this folder's functions are given. */
import type { Engine } from '../../runtime/container/types.ts'
import type { KeeperFolders } from '../../runtime/keeper/wait.ts'

/** A program as a keeper or a timer starts it. */
export interface SelfCommand {
  /** Absolute. */
  readonly path: string
  readonly argv: readonly string[]
  readonly env: readonly string[]
}

export interface Home {
  /** Folder of what outlives the boot, absolute: images, containers, volumes. */
  readonly root: string
  /** Folder of what dies with the boot, absolute. */
  readonly runRoot: string
  readonly engine: Engine
  /** This program with these arguments, and the same folders: `container cleanup ID`. */
  self(args: readonly string[]): SelfCommand
  readonly warn: (message: string) => void
  readonly debug: (message: string) => void
}

/** The paths of one container. */
export interface Places {
  /** Durable: config.json, state.json, upper, work, spool. */
  readonly folder: string
  readonly config: string
  readonly state: string
  readonly upper: string
  readonly work: string
  readonly spool: string
  /** Of this boot: what a run needs. */
  readonly run: string
  readonly lock: string
  /** There is a run, or there is to be one: run-record.ts. */
  readonly record: string
  readonly running: string
  /** Of the engine: config.json. */
  readonly bundle: string
  /** Stands for the root filesystem, which is mounted nowhere on the host. */
  readonly rootfs: string
  readonly keeper: string
}

export const placesOf = ({ root, runRoot }: Pick<Home, 'root' | 'runRoot'>, id: string): Places => {
  const folder = `${root}/containers/${id}`
  const run = `${runRoot}/containers/${id}`
  return {
    folder,
    config: `${folder}/config.json`,
    state: `${folder}/state.json`,
    upper: `${folder}/upper`,
    work: `${folder}/work`,
    spool: `${folder}/spool`,
    run,
    lock: `${run}/lock`,
    record: `${run}/run.json`,
    running: `${run}/running.json`,
    bundle: `${run}/bundle`,
    rootfs: `${run}/bundle/rootfs`,
    keeper: `${run}/keeper`,
  }
}

/** For whoever follows the container's output or waits for its end. */
export const keeperFolders = (home: Pick<Home, 'root' | 'runRoot'>, id: string): KeeperFolders => {
  const { keeper, spool } = placesOf(home, id)
  return { run: keeper, spool }
}

/** Of the container's lease in the store of images. */
export const leaseOwner = (id: string): string => `container:${id}`
