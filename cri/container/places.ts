/**
 * Where a container has what; beside container.json (cri/state/types.ts).
 *
 *   <root>/cri/containers/<id>/upper, work     what it writes
 *   <root>/cri/containers/<id>/spool           its output, and its exit record (docs/keeper.md)
 *   <root>/cri/containers/<id>/log-place       how much of that is in its log (cri/logs/place.ts)
 *   <runRoot>/cri/containers/<id>/keeper       its keeper's run folder
 *   <runRoot>/cri/containers/<id>/bundle, rootfs
 *   <runRoot>/cri/containers/<id>/exec/<pid>   exec'd processes that somebody waits for: the start time of each
 */
import type { KeeperFolders } from '../../runtime/keeper/wait.ts'
import type { Container, Table } from '../state/types.ts'

export interface Places extends KeeperFolders {
  readonly upper: string
  readonly work: string
  readonly bundle: string
  readonly rootfs: string
  readonly exec: string
}

type Folders = Pick<Table<Container>, 'folder' | 'run'>

/** For whoever reads its output, attaches to it, or waits for its end. */
export const keeperFolders = (containers: Folders, id: string): KeeperFolders => ({
  run: `${containers.run(id)}/keeper`,
  spool: `${containers.folder(id)}/spool`,
})

export const placesOf = (containers: Folders, id: string): Places => {
  const [folder, run] = [containers.folder(id), containers.run(id)]
  return {
    ...keeperFolders(containers, id),
    upper: `${folder}/upper`,
    work: `${folder}/work`,
    bundle: `${run}/bundle`,
    rootfs: `${run}/rootfs`,
    exec: `${run}/exec`,
  }
}
