/** What `state` and `list` print about a container: runc’s fields in runc’s order. */
import type { ContainerState } from '../../runtime/container/types.ts'

export interface ShownState {
  readonly ociVersion: string
  readonly id: string
  /** 0 where there is no process. */
  readonly pid: number
  readonly status: string
  readonly bundle: string
  readonly rootfs: string
  readonly created: string
  readonly annotations?: Readonly<Record<string, string>>
  readonly owner: string
}

const sorted = (entries: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(entries).sort(([a], [b]) => (a < b ? -1 : 1)))

export const shownState = (state: ContainerState): ShownState => ({
  ociVersion: state.ociVersion,
  id: state.id,
  pid: state.status === 'stopped' ? 0 : (state.init?.pid ?? 0),
  status: state.status,
  bundle: state.bundle,
  rootfs: state.rootfs,
  created: state.created,
  ...(Object.keys(state.annotations).length === 0 ? {} : { annotations: sorted(state.annotations) }),
  owner: state.owner,
})
