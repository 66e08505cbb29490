/** The root filesystem of a run: the image's layers with the container's own on top, or the folder of --rootfs. */
import { closeSync, constants, openSync } from 'node:fs'
import { layerPath } from '../../image/store/layout.ts'
import type { Digest } from '../../image/digest.ts'
import type { Mappings } from '../../runtime/container/idmap.ts'
import { openRootfs } from '../../runtime/rootfs/open.ts'
import type { ContainerConfig } from './config.ts'
import { type Home, placesOf } from './home.ts'

/** Folders of the layers, the lowest first. */
export const lowersOf = ({ root }: Pick<Home, 'root'>, { image }: Pick<ContainerConfig, 'image'>): string[] =>
  (image?.layers ?? []).map((key) => `${layerPath({ root, readonly: true }, key as Digest)}/root`)

export interface Root {
  /** Of the folder: for looking into it, and for the engine where it is a mount. */
  readonly fd: number
  /** It is a detached mount, which nobody else has. */
  readonly isMount: boolean
  close(): void
}

/** @param idmap of the container's user namespace, where ids are not the machine's. */
export const openRoot = async (home: Home, config: ContainerConfig, idmap: Mappings | undefined): Promise<Root> => {
  const { request } = config
  const { run, upper, work } = placesOf(home, config.id)
  if (request.rootfs !== undefined) {
    const fd = openSync(request.rootfs, constants.O_RDONLY | constants.O_DIRECTORY)
    return { fd, isMount: false, close: () => closeSync(fd) }
  }
  const fd = await openRootfs(
    {
      lowers: lowersOf(home, config),
      upper,
      work,
      volatile: request.autoRemove,
      ...(idmap === undefined ? {} : { idmap }),
      ...(request.storageSize === undefined ? {} : { size: Number(request.storageSize) }),
    },
    { folder: run },
  )
  return { fd, isMount: true, close: () => closeSync(fd) }
}
