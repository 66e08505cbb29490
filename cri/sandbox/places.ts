/** Where the things of a sandbox are. All of them die with the boot. */
import type { Cri } from '../cri.ts'

export interface SandboxPlaces {
  /** Folder of all of it. */
  readonly run: string
  /** Of the holder's keeper. */
  readonly keeper: string
  readonly spool: string
  /** What its containers see in /etc, files. */
  readonly resolvConf: string
  readonly hostname: string
  readonly hosts: string
  /** What its containers see as /dev/shm: a tmpfs of its own, unless it has the node's ipc namespace. */
  readonly shm: string
}

export const sandboxPlaces = ({ sandboxes }: Pick<Cri, 'sandboxes'>, id: string): SandboxPlaces => {
  const run = sandboxes.run(id)
  return {
    run,
    keeper: `${run}/keeper`,
    spool: `${run}/spool`,
    resolvConf: `${run}/resolv.conf`,
    hostname: `${run}/hostname`,
    hosts: `${run}/hosts`,
    shm: `${run}/shm`,
  }
}

/** The root of all holders: an empty folder. */
export const emptyRoot = ({ config }: Pick<Cri, 'config'>): string => `${config.runRoot}/cri/empty`
