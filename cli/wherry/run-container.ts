/** What run and create have in common. */
import { closeSync, openSync, rmSync, writeSync } from 'node:fs'
import { WherryError } from '../../runtime/errors.ts'
import { isErrno } from '../../runtime/sys/error.ts'
import type { BaseImage, Bases } from '../containers/allocate.ts'
import type { Surroundings } from '../containers/flags/surroundings.ts'
import type { CreateOptions } from '../containers/flags/run-flags.ts'
import type { Home } from '../containers/home.ts'
import type { ContainerRequest } from '../containers/request.ts'
import { findContainer } from '../containers/store.ts'
import type { Context } from './context.ts'
import { imageFor } from './run-image.ts'
import { useStore } from './store.ts'

export const surroundingsOf = (context: Context, home: Home): Surroundings => ({
  env: process.env,
  cwd: process.cwd(),
  container: (text) => findContainer(home, text).config,
  warn: (message) => context.log.warn(message),
})

/** The images, and the store that is to keep them. */
export const basesFor = async (context: Context, request: ContainerRequest, { pull, quiet }: CreateOptions): Promise<Bases> => {
  const mounts = new Set(request.mounts.flatMap(({ type, source }) => (type === 'image' && source !== undefined ? [source] : [])))
  if (request.image === undefined && mounts.size === 0) return {}
  const store = await useStore(context)
  const find = (text: string): Promise<BaseImage> => imageFor(context, store, { text, pull, quiet, platform: request.platform })
  const mounted = new Map<string, BaseImage>()
  for (const source of mounts) mounted.set(source, await find(source))
  return { store, mounted, ...(request.image === undefined ? {} : { image: await find(request.image) }) }
}

export interface IdFile {
  write(id: string): void
  /** Takes it away: there is no such container. */
  remove(): void
}

/** Made before the container is, so that one whose id could not be told does not come to be. */
export const openIdFile = (path: string | undefined): IdFile => {
  if (path === undefined) return { write: () => {}, remove: () => {} }
  let fd: number
  try {
    fd = openSync(path, 'wx', 0o644)
  } catch (error) {
    if (!isErrno(error, 'EEXIST')) throw error
    throw new WherryError(
      'already-exists',
      `--cidfile: ${path} is there: its container may still be there too; remove it, or name another file`,
    )
  }
  return {
    write(id) {
      writeSync(fd, id)
      closeSync(fd)
    },
    remove() {
      rmSync(path, { force: true })
    },
  }
}
