/** All that the engine needs for one run of a container: its root filesystem, opened, and its spec. */
import { resolveUser } from '../../../image/apply/user.ts'
import { makeWorkingFolder } from '../../../image/apply/working-folder.ts'
import { asOwner, ownerOf } from '../../../runtime/container/as-owner.ts'
import type { Mappings } from '../../../runtime/container/idmap.ts'
import type { ContainerConfig } from '../config.ts'
import { type Home, placesOf } from '../home.ts'
import { openRoot, type Root } from '../rootfs.ts'
import { buildSpec, type BuiltSpec } from './build.ts'
import { type Gathering, gatherFacts } from './gather.ts'
import { userMappings } from './user-namespace.ts'

/** A root filesystem that nothing runs in yet. */
export interface FreshRoot {
  readonly fd: number
  /** By which its ids are shifted. */
  readonly mappings?: Mappings
}

export interface PrepareOptions extends Pick<Gathering, 'hostname' | 'image'> {
  /** Makes the volumes that it wants, and fills those that are new; what is returned tells their folders. */
  volumes(root: FreshRoot): Promise<Gathering['volume']>
  /** Makes the files that stand for the image's. @param owner ids of the machine that root of the container has */
  files(owner: { readonly uid: number; readonly gid: number } | undefined): Promise<Gathering['files']>
  /** In the place of the container's own; only looked at. */
  readonly root?: (mappings: Mappings | undefined) => Promise<Root>
}

export interface Prepared extends BuiltSpec {
  readonly root: Root
  readonly mappings?: Mappings
  /** Closes all that is open for it: the engine has its own descriptors once the container is created. */
  close(): void
}

/** Of a run that is written down (run-record.ts), whose folders are there. Throws WherryError; nothing stays open then. */
export const prepareRun = async (home: Home, config: ContainerConfig, options: PrepareOptions): Promise<Prepared> => {
  const { request, process } = config
  const mappings = await userMappings(home, config)
  const root = await (options.root?.(mappings) ?? openRoot(home, config, mappings))
  try {
    const user = resolveUser(root.fd, process.user, { groups: request.groups })
    // of a folder that is the user's nothing is changed before the container does it
    if (process.cwd !== '/' && root.isMount && options.root === undefined)
      asOwner(ownerOf(mappings), () => makeWorkingFolder(root.fd, process.cwd))
    const volume = await options.volumes({ fd: root.fd, ...(mappings === undefined ? {} : { mappings }) })
    const gathered = await gatherFacts(home, config, {
      rootfs: request.rootfs ?? placesOf(home, config.id).rootfs,
      user,
      ...(mappings === undefined ? {} : { mappings }),
      hostname: options.hostname,
      files: await options.files(ownerOf(mappings)),
      volume,
      image: options.image,
      make: options.root === undefined,
    })
    try {
      return {
        ...buildSpec(config, gathered.facts),
        root,
        ...(mappings === undefined ? {} : { mappings }),
        close: () => {
          gathered.close()
          root.close()
        },
      }
    } catch (error) {
      gathered.close()
      throw error
    }
  } catch (error) {
    root.close()
    throw error
  }
}
