/** Looking whether all of the store is whole, and mending what is not. */
import { checkBlobs } from './check/blobs.ts'
import { isWhole, makeReport } from './check/findings.ts'
import { checkImages } from './check/images.ts'
import { checkIndexFile } from './check/index-file.ts'
import { checkLayers } from './check/layers.ts'
import { checkLayout } from './check/layout.ts'
import { checkLeases } from './check/leases.ts'
import { guardAsync } from './errors.ts'
import { parseIndexFile, readIndexText } from './index-file.ts'
import { mustWrite } from './layout.ts'
import type { Parts } from './parts.ts'
import type { Checked, CheckOptions } from './types.ts'

/**
 * In this order: the documents need the blobs, the images need index.json. While index.json cannot be read and nothing is repaired,
 * images are not looked at.
 */
export const check = (parts: Parts, options: CheckOptions): Promise<Checked> =>
  guardAsync(`store ${parts.layout.root}: checking`, async () => {
    const { repair = false, signal } = options
    if (repair) mustWrite(parts.layout)
    const report = makeReport(repair, signal)
    await checkLayout(parts, report)
    const blobs = await checkBlobs(parts, report, options)
    await checkIndexFile(parts, report)
    const readable = parseIndexFile(readIndexText(parts.layout)) !== undefined
    if (readable) await checkImages(parts, report, blobs.damaged, options)
    else
      for (const [digest, problem] of blobs.damaged) report.add({ kind: 'blob', problem: `blob ${digest} ${problem}`, digest, names: [] })
    const layers = await checkLayers(parts, report, options, readable)
    await checkLeases(parts, report, options)
    const { findings } = report
    const images = readable ? new Set(parts.images.list().map(({ descriptor }) => descriptor.digest)).size : 0
    return { findings, blobs: blobs.count, layers, images, whole: isWhole(findings) }
  })
