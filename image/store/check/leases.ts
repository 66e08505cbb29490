/** Leases that cannot be read or whose owners are gone, and what processes that died have left. */
import { deadOwners, readKept, releaseLease } from '../leases.ts'
import { namesIn } from '../listing.ts'
import type { Parts } from '../parts.ts'
import type { CheckOptions } from '../types.ts'
import type { Report } from './findings.ts'

export const checkLeases = async ({ layout }: Parts, report: Report, { ownerExists }: CheckOptions): Promise<void> => {
  const dead = new Set(ownerExists === undefined ? [] : deadOwners(layout, ownerExists))
  for (const { owner, path, lease } of readKept(layout)) {
    if (dead.has(owner))
      await report.mend({ kind: 'lease', problem: `lease ${path}: ${owner} does not exist any more`, names: [] }, async () => {
        await releaseLease(layout, owner)
        return 'removed'
      })
    else if (lease === undefined)
      report.add({
        kind: 'lease',
        problem: `lease ${path} is damaged`,
        names: [],
        advice: `nothing is collected until ${owner} is removed`,
      })
  }
  for (const name of namesIn(`${layout.root}/leases`))
    if (!name.startsWith('kept-') && !name.startsWith('live-'))
      report.add({ kind: 'rubbish', problem: `${layout.root}/leases/${name} is no lease`, names: [], advice: 'remove it' })
}
