/** All checks, in the order in which one would mend things. */
import type { Check, Machine } from './check.ts'
import { kernelChecks } from './kernel.ts'
import { limitChecks } from './limits.ts'
import { networkChecks } from './network.ts'
import { storageChecks } from './storage.ts'

export const examine = (machine: Machine): Check[] => [
  ...kernelChecks(machine),
  ...limitChecks(machine),
  ...networkChecks(machine),
  ...storageChecks(machine),
]
