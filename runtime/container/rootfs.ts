/** The root filesystem that a caller gives in the place of the bundle's folder: as the program and its plan need it. */
import { fstatSync } from 'node:fs'
import { InvalidField, WherryError } from '../errors.ts'
import type { Descriptors } from '../init/descriptors.ts'
import type { OverlayPlan } from '../rootfs/emit.ts'
import type { Rootfs, RootfsDescription } from '../rootfs/types.ts'
import { folderView, mergedView, type RootView } from '../rootfs/view.ts'
import type { LinuxIDMapping, Spec } from '../spec/types.ts'
import { inInitialUserNamespace, type Mappings, mappingsOf } from './idmap.ts'

export interface GivenRootfs {
  /** For the plan: the number of a detached mount, or what init makes one of. */
  readonly plan: number | OverlayPlan | undefined
  readonly view: RootView
}

export interface RootfsRequest {
  readonly rootfs: Rootfs | undefined
  readonly spec: Spec
  readonly descriptors: Descriptors
  /** Closes it when the program has been started. */
  readonly keep: (fd: number) => number
  /** False: nothing will be started, and nothing is to be made. */
  readonly real: boolean
  /** This process may mount: it has CAP_SYS_ADMIN in its user namespace. */
  readonly privileged: boolean
  readonly folder: string
}

/** Above the descriptors that init has open while it makes the mount: sources of bind mounts and devices among them. */
const ROOM = 64
const NOWHERE = -1

const isIdentity = (mappings: readonly LinuxIDMapping[]): boolean => mappings.every(({ containerID, hostID }) => containerID === hostID)

/** The mappings of the user namespace that the container will be in, if it is not ours. */
const containerMappings = ({ linux }: Spec): Mappings | undefined => {
  const own = linux.namespaces?.find(({ type }) => type === 'user')
  if (own === undefined) return undefined
  if (own.path === undefined) return { uid: linux.uidMappings ?? [], gid: linux.gidMappings ?? [] }
  const [, pid] = /^\/proc\/(\d+)\/ns\/user$/.exec(own.path) ?? []
  if (pid !== undefined) return mappingsOf(Number(pid))
  throw new InvalidField('rootfs.idmap', `must be given: ${own.path} does not tell the mappings of that user namespace`)
}

/** Layers have ids as containers see them; in a user namespace they are shifted to the host's. */
const idmapFor = (description: RootfsDescription, spec: Spec): RootfsDescription => {
  if (description.idmap !== undefined) return description
  const idmap = containerMappings(spec)
  return idmap === undefined || (isIdentity(idmap.uid) && isIdentity(idmap.gid)) ? description : { ...description, idmap }
}

const checkNamespaces = ({ linux }: Spec): void => {
  const mount = linux.namespaces?.find(({ type }) => type === 'mount')
  if (mount === undefined || mount.path !== undefined)
    throw new InvalidField('linux.namespaces', 'must have a new mount namespace: a root filesystem of layers is attached nowhere else')
}

/** What to throw for `error`, if it may be that init could not make the root filesystem. */
export const explainRootfs = async (rootfs: Rootfs | undefined, error: unknown): Promise<unknown> => {
  if (typeof rootfs !== 'object' || !(error instanceof Error) || !/^(layer|upper folder|overlay)\b/.test(error.message)) return error
  return (await import('../rootfs/diagnose.ts')).diagnosed(error, rootfs)
}

const openFor = async ({ rootfs, spec, keep, folder }: RootfsRequest & { rootfs: RootfsDescription }): Promise<number> => {
  const { openRootfs } = await import('../rootfs/open.ts') // who runs bundles needs none of it
  return keep(await openRootfs(idmapFor(rootfs, spec), { folder }))
}

/** Who may not mount has init do it, in the container's user namespace. If nothing is to be made, a mount's number stands for it. */
const planFor = async ({
  rootfs: given,
  spec,
  descriptors,
  real,
  privileged,
}: RootfsRequest & { rootfs: RootfsDescription }): Promise<GivenRootfs> => {
  const { checkedRootfs, prepareRootfs } = await import('../rootfs/open.ts')
  const rootfs = checkedRootfs(given)
  const style = rootfs.style ?? (privileged && inInitialUserNamespace() ? 'trusted' : 'user')
  const view = mergedView(rootfs, style)
  if (privileged) return { plan: descriptors.add(NOWHERE), view }
  if (rootfs.idmap !== undefined)
    throw new InvalidField('rootfs.idmap', 'cannot be had without privileges: the layers’ ids must be those of the user namespace')
  if (real && !(spec.linux.namespaces ?? []).some(({ type }) => type === 'user'))
    throw new WherryError(
      'permission-denied',
      'a root filesystem of layers can be mounted by root, or in a user namespace: give the container one (linux.namespaces)',
    )
  if (real) prepareRootfs(rootfs)
  const from = descriptors.end + 2 * (spec.mounts ?? []).length + (spec.linux.devices ?? []).length + ROOM
  return { plan: { description: rootfs, style, from }, view }
}

/** Opens or plans it. The overlay is in no mount table: it goes with the container, or with this process. */
export const givenRootfs = async (request: RootfsRequest): Promise<GivenRootfs> => {
  const { rootfs, spec, descriptors, real, privileged } = request
  if (rootfs === undefined) return { plan: undefined, view: folderView(spec.root.path) }
  checkNamespaces(spec)
  if (typeof rootfs !== 'number' && !(real && privileged)) return planFor({ ...request, rootfs })
  const fd = typeof rootfs === 'number' ? rootfs : await openFor({ ...request, rootfs })
  if (!fstatSync(fd).isDirectory()) throw new InvalidField('rootfs', `descriptor ${fd} must be of a directory`)
  return { plan: descriptors.add(fd), view: folderView(`/proc/self/fd/${fd}`) }
}
