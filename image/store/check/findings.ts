/** Collects what a check finds. */
import type { Checked, Finding } from '../types.ts'

export interface Report {
  readonly repair: boolean
  add(finding: Finding): void
  /** `mend` is called only when repairing, and its errors become advice; those of an abort are thrown. */
  mend(finding: Finding, mend: () => Promise<Finding['repaired']>): Promise<void>
  readonly findings: readonly Finding[]
}

export const makeReport = (repair: boolean, signal: AbortSignal | undefined): Report => {
  const findings: Finding[] = []
  return {
    repair,
    findings,
    add: (finding) => void findings.push(finding),
    async mend(finding, mend) {
      if (!repair) {
        findings.push(finding)
        return
      }
      try {
        const repaired = await mend()
        findings.push(repaired === undefined ? finding : { ...finding, repaired })
      } catch (error) {
        signal?.throwIfAborted()
        findings.push({ ...finding, advice: error instanceof Error ? error.message : String(error) })
      }
    },
  }
}

/** Whether nothing but rubbish is left as it was. */
export const isWhole = (findings: readonly Finding[]): Checked['whole'] =>
  findings.every(({ kind, repaired }) => kind === 'rubbish' || repaired !== undefined)
