/** Taking apart what a run of a container has on this machine. Idempotent, and the same whether it ended, failed to begin or was killed. */
import { rmSync } from 'node:fs'
import { deleteContainer } from '../../runtime/container/delete.ts'
import { type Home, placesOf } from './home.ts'
import { leaveNetwork } from './network/run.ts'
import { releaseVolumes } from './volumes/open.ts'
import { endProcesses, type RunRecord } from './run-record.ts'

/** Ends its processes, frees its ports and addresses, and removes what it had in the folder of this boot but the lock and the record. */
export const teardown = async (home: Home, id: string, record: RunRecord | undefined): Promise<void> => {
  await deleteContainer(home.engine, id, { force: true })
  endProcesses([record?.relay, ...(record?.timers ?? [])])
  await leaveNetwork(home, id)
  await releaseVolumes(home, id)
  const { keeper, bundle } = placesOf(home, id)
  for (const path of [keeper, bundle]) rmSync(path, { recursive: true, force: true })
}
