/** Finds out what buildSpec needs for one run of a container. What is opened for it closes with the facts. */
import type { ResolvedUser } from '../../../image/apply/user.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { blockDevicesOf, deviceFacts } from './device-facts.ts'
import type { ManagedFiles, SpecFacts } from './facts.ts'
import { joinedInits } from './inits.ts'
import { machineFacts } from '../../../runtime/container/machine.ts'
import { openSources } from './mount-sources.ts'

export interface Gathering {
  /** Folder that stands for the root filesystem, or is it. */
  readonly rootfs: string
  readonly user: ResolvedUser
  /** Of userMappings; the root filesystem has been opened with them. */
  readonly mappings?: Mappings
  readonly hostname: string
  readonly files: ManagedFiles
  /** Folder of a volume's files, which is there. */
  volume(name: string): string
  /** Folders of an image's layers, the lowest first. */
  image(name: string): readonly string[]
  /** False: nothing will be started, so nothing is made. */
  readonly make: boolean
}

export interface Gathered {
  readonly facts: SpecFacts
  close(): void
}

/** Throws WherryError for what cannot be on this machine. */
export const gatherFacts = async (home: Home, config: ContainerConfig, gathering: Gathering): Promise<Gathered> => {
  const { request } = config
  const { rootfs, user, mappings, hostname, files } = gathering
  const machine = machineFacts(home.engine)
  const inits = joinedInits(home, request)
  const [devices, blockDevices] = [deviceFacts(request), blockDevicesOf(request.resources)]
  const modules =
    machine.apparmor || machine.selinux ? await (await import('./security-modules.ts')).securityFacts(home, config, machine) : {}
  const opened = await openSources(request.mounts, request.ipc.mode === 'container' ? inits.get(request.ipc.container!) : undefined, {
    volume: gathering.volume,
    image: gathering.image,
    make: gathering.make,
    ...(mappings === undefined ? {} : { mappings }),
    folder: placesOf(home, config.id).run,
  })
  return {
    facts: {
      machine,
      rootfs,
      user,
      hostname,
      files,
      sources: opened.sources,
      ...(opened.shm === undefined ? {} : { shm: opened.shm }),
      devices,
      blockDevices,
      inits,
      ...(mappings === undefined ? {} : { mappings }),
      ...modules,
      warn: home.warn,
    },
    close: opened.close,
  }
}
