/** The mappings of a container's user namespace; user_namespaces(7). */
import { inInitialUserNamespace, type Mappings, mappingsOf } from '../../../runtime/container/idmap.ts'
import { WherryError } from '../../../runtime/errors.ts'
import type { LinuxIDMapping } from '../../../runtime/spec/types.ts'
import type { ContainerConfig } from '../config.ts'
import type { Home } from '../home.ts'
import type { UserNamespaceRequest } from '../request.ts'
import { initOf } from './inits.ts'
import { takeRange } from './user-ranges.ts'

/** Ids that this process can map: from 0 to here, without it. */
const highest = (mappings: readonly LinuxIDMapping[]): number => Math.max(...mappings.map(({ containerID, size }) => containerID + size))

const filled = (mappings: readonly LinuxIDMapping[]): LinuxIDMapping[] => mappings.filter(({ size }) => size > 0)

/** Id 0, who runs this, is `id` in the container; all others are in order. */
export const keepId = (id: number, count: number): readonly LinuxIDMapping[] =>
  filled([
    { containerID: 0, hostID: id === 0 ? 0 : 1, size: id === 0 ? count : Math.min(id, count - 1) },
    { containerID: id, hostID: 0, size: id === 0 ? 0 : 1 },
    { containerID: id + 1, hostID: id + 1, size: id === 0 ? 0 : count - id - 1 },
  ])

const isIdentity = (mappings: readonly LinuxIDMapping[]): boolean => mappings.every(({ containerID, hostID }) => containerID === hostID)

export interface MapperFacts {
  /** Ids that this process can map. */
  readonly own: Mappings
  readonly rootless: boolean
  /** The machine's ids of who runs this. */
  readonly caller: { readonly uid: number; readonly gid: number }
  range(size: number | undefined): { readonly first: number; readonly size: number }
  mappingsOfContainer(id: string): Mappings
}

/** Undefined for the user namespace of this process. Throws WherryError. */
export const computeMappings = (request: UserNamespaceRequest, facts: MapperFacts): Mappings | undefined => {
  const { own, rootless, caller } = facts
  const [uids, gids] = [highest(own.uid), highest(own.gid)]
  switch (request.mode) {
    case 'host':
      return undefined
    case 'container':
      return facts.mappingsOfContainer(request.container!)
    case 'mapping':
      return { uid: request.uidMappings!, gid: request.gidMappings! }
    case 'keep-id':
      return { uid: keepId(request.uid ?? caller.uid, uids), gid: keepId(request.gid ?? caller.gid, gids) }
    case 'nomap':
      if (!rootless)
        throw new WherryError(
          'invalid-argument',
          '--userns nomap is for users other than root: root of the machine is who runs this; auto is without it',
        )
      return { uid: filled([{ containerID: 0, hostID: 1, size: uids - 1 }]), gid: filled([{ containerID: 0, hostID: 1, size: gids - 1 }]) }
    case 'auto': {
      const { first, size } = facts.range(request.size)
      const mapping = [{ containerID: 0, hostID: first, size }]
      return { uid: mapping, gid: mapping }
    }
  }
}

/** The kernel lets only root of the machine show layers with other ids than they have on the disk. */
const refuseShifted = (request: UserNamespaceRequest, mappings: Mappings): void => {
  if (isIdentity(mappings.uid) && isIdentity(mappings.gid)) return
  throw new WherryError(
    'unsupported',
    `--userns ${request.mode === 'mapping' ? 'private with these mappings' : request.mode}: only root can show an image's files with other ids (idmapped mounts, mount_setattr(2)); leave it away: root of the container is you`,
  )
}

/** The machine's ids of who runs this. */
const callerIds = async (): Promise<MapperFacts['caller']> => {
  const entered =
    process.env['WHERRY_ROOTLESS'] === undefined ? undefined : (await import('../../../runtime/rootless/enter.ts')).enteredAs()
  return entered ?? { uid: process.getuid!(), gid: process.getgid!() }
}

/** Of a run that is written down (run-record.ts): `auto` takes a range for it. */
export const userMappings = async (
  home: Home,
  { id, request: { userns } }: Pick<ContainerConfig, 'id' | 'request'>,
): Promise<Mappings | undefined> => {
  if (userns.mode === 'host') return undefined
  const rootless = !inInitialUserNamespace()
  if (rootless && userns.mode === 'auto') refuseShifted(userns, { uid: [{ containerID: 0, hostID: 1, size: 1 }], gid: [] })
  const mappings = computeMappings(userns, {
    own: mappingsOf('self'),
    rootless,
    caller: await callerIds(),
    range: (size) => takeRange(home, id, size),
    mappingsOfContainer: (container) => mappingsOf(initOf(home, container, 'user')),
  })
  if (rootless && mappings !== undefined && userns.mode !== 'container') refuseShifted(userns, mappings)
  return mappings
}
