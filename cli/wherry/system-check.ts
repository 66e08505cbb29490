import { standardError } from '../support/leave.ts'
import { layerComparer } from '../../image/inspect/compare-layer.ts'
import { fetchBlob } from '../../image/pull/fetch-blob.ts'
import { parseReference } from '../../image/reference.ts'
import type { Descriptor } from '../../image/spec/types.ts'
import type { Checked, CheckOptions, Finding, Store } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { layersOfPods, mountedLayers, ownerExists } from '../containers/owners.ts'
import { harmless } from '../support/listing.ts'
import { print } from '../support/output.ts'
import { openProgress, type Progress } from '../support/progress/progress.ts'
import { goJson } from '../support/template/go-text.ts'
import { type Context, defineCommand } from './context.ts'
import { openRegistries } from './registry-access.ts'
import { REGISTRY_FLAGS, type RegistryFlags } from './registry-flags.ts'
import { changeStore } from './store.ts'

const findingText = ({ kind, problem, names, repaired, advice }: Finding): string => {
  const of = names.length === 0 ? '' : ` (of ${names.map(harmless).join(', ')})`
  const outcome = repaired !== undefined ? `: ${repaired}` : advice !== undefined ? `: ${harmless(advice)}` : ''
  return `${kind}: ${harmless(problem)}${of}${outcome}\n`
}

const counted = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`

const summary = ({ findings, images, blobs, layers, whole }: Checked, repair: boolean): string => {
  const open = findings.filter(({ repaired, kind }) => repaired === undefined && kind !== 'rubbish').length
  const looked = `${counted(images, 'image')}, ${counted(blobs, 'blob')}, ${counted(layers, 'layer')}`
  if (whole) return `The store is whole: ${looked}.\n`
  return `The store is not whole: ${counted(open, 'finding')} in ${looked}.${repair ? '' : ' Mend it with --repair.'}\n`
}

/** From the first registry that has it. */
const fetcher =
  (store: Store, flags: RegistryFlags, context: Context): NonNullable<CheckOptions['fetch']> =>
  async (descriptor: Descriptor, names) => {
    const registries = openRegistries(flags, context)
    let last: unknown = new WherryError('not-found', 'no image that it belongs to has a name to pull it by')
    for (const name of names) {
      const source = registries.source(parseReference(name))
      try {
        return await fetchBlob(source, store, descriptor, context.signal)
      } catch (error) {
        context.signal.throwIfAborted()
        last = error
      } finally {
        await source.close()
      }
    }
    throw last
  }

const shownProgress =
  (progress: Progress): NonNullable<CheckOptions['onProgress']> =>
  ({ phase, done, total }) =>
    progress.set(phase, {
      label: phase,
      state: 'checking',
      phase: done >= total ? 'done' : 'active',
      ...(phase === 'blobs' ? { done, total } : {}),
    })

export const command = defineCommand({
  name: 'system check',
  heading: 'System',
  summary: 'verify the store, and mend it',
  operands: '',
  count: [0, 0],
  description: `Reads all blobs, layers and references and compares them with their digests and records. With --repair, what is broken is removed and
fetched again from the registries of the images it belongs to, and what is rubbish goes; nothing that is whole is lost. The exit status is
1 if something is left that is not whole.`,
  flags: {
    repair: { type: 'boolean', help: 'mend what can be mended' },
    deep: { type: 'boolean', help: 'compare the files of each unpacked layer with its blob' },
    quiet: { type: 'boolean', short: 'q', help: 'only print findings' },
    json: { type: 'boolean', help: 'print JSON' },
    ...REGISTRY_FLAGS,
  },
  async run({ flags, context }) {
    const store = await changeStore(context)
    const repair = flags.repair ?? false
    const mounted = mountedLayers(context)
    const ofPods = layersOfPods(store)
    const progress = openProgress({ quiet: (flags.quiet ?? false) || standardError().isTTY !== true, env: process.env })
    let checked: Checked
    try {
      checked = await store.check({
        repair,
        signal: context.signal,
        onProgress: shownProgress(progress),
        fetch: fetcher(store, flags, context),
        isMounted: (key) => mounted.has(key) || ofPods(key),
        ownerExists: ownerExists(context),
        ...(flags.deep ? { compare: await layerComparer(store) } : {}),
      })
    } finally {
      progress.end()
    }
    if (flags.json) print(`${goJson(checked, '  ')}\n`)
    else print(`${checked.findings.map(findingText).join('')}${flags.quiet ? '' : summary(checked, repair)}`)
    return checked.whole ? 0 : 1
  },
})
