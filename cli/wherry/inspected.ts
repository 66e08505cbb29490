/** Images to be looked into, wherever they are: in the store, in a registry, in an archive or folder. */
import { openSource } from '../../image/archive/open-source.ts'
import { parseTransport } from '../../image/archive/transport.ts'
import { imageOfSource, imageOfStore, type InspectedImage } from '../../image/inspect/image.ts'
import { parsePlatform } from '../../image/spec/platform.ts'
import type { Store } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import type { Context } from './context.ts'
import { findImage } from './find-image.ts'
import { openRegistries } from './registry-access.ts'
import type { RegistryFlags } from './registry-flags.ts'

export interface WhereFlags extends RegistryFlags {
  readonly remote?: boolean
  readonly platform?: string
}

export interface Inspected {
  readonly image: InspectedImage
  close(): Promise<void>
}

/** `docker://IMAGE`, `oci:DIR` and the like say where it is; else `--remote` does, and else it is in the store. */
export const openInspected = async (text: string, flags: WhereFlags, store: Store, context: Context): Promise<Inspected> => {
  const { signal } = context
  if (!flags.remote && parseTransport(text) === undefined) {
    if (flags.platform !== undefined)
      throw new WherryError('invalid-argument', '--platform chooses from an index in a registry or archive: give --remote too')
    return { image: await imageOfStore(store, findImage(store, text)), close: async () => {} }
  }
  const registries = openRegistries(flags, context)
  const { source } = await openSource(text, { temporary: store.root, signal, registry: (reference) => registries.source(reference) })
  try {
    const platform = flags.platform === undefined ? {} : { platform: parsePlatform(flags.platform) }
    return { image: await imageOfSource(source, { signal, ...platform }), close: () => source.close() }
  } catch (error) {
    await source.close()
    throw error
  }
}
