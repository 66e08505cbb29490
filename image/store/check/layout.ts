/** The files that say what the folder is. */
import { readFileSync } from 'node:fs'
import { isErrno } from '../../../runtime/sys/error.ts'
import { syncFolder, writeWhole } from '../files.ts'
import { isLayoutFile, MARKERS, temporaryPath, versionIn } from '../layout.ts'
import type { Parts } from '../parts.ts'
import { moveAway } from '../trash.ts'
import type { Report } from './findings.ts'

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'EISDIR', 'ELOOP')) return undefined
    throw error
  }
}

const GOOD: Readonly<Record<string, (text: string | undefined) => boolean>> = {
  'oci-layout': isLayoutFile,
  'store.json': (text) => versionIn(text) !== undefined,
}

export const checkLayout = async ({ layout }: Parts, report: Report): Promise<void> => {
  for (const [name, isGood] of Object.entries(GOOD)) {
    const path = `${layout.root}/${name}`
    if (isGood(readText(path))) continue
    await report.mend({ kind: 'layout', problem: `${path} is damaged`, names: [] }, async () => {
      moveAway(layout, path)
      await writeWhole(path, Buffer.from(MARKERS[name]!), { temporary: temporaryPath(layout) })
      await syncFolder(layout.root)
      return 'rewritten'
    })
  }
}
