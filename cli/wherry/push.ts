import { parseTransport } from '../../image/archive/transport.ts'
import { openWriter } from '../../image/archive/open-writer.ts'
import { pushImage } from '../../image/archive/push.ts'
import type { Digest } from '../../image/digest.ts'
import { canonical, parseReference, type Reference } from '../../image/reference.ts'
import type { ImageTarget } from '../../image/source.ts'
import type { Store } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { print } from '../support/output.ts'
import { openProgress } from '../support/progress/progress.ts'
import { UsageError } from '../support/parse.ts'
import { type Context, defineCommand } from './context.ts'
import { showCopy } from './copy-progress.ts'
import { findImage } from './find-image.ts'
import { openRegistries, pushReference, type RegistryAccess } from './registry-access.ts'
import { REGISTRY_FLAGS } from './registry-flags.ts'
import { readStore } from './store.ts'

/** Repositories of the same registry that images with this blob are known from: the registry has it already. */
const mountsFor = (store: Store, { domain, path }: Reference): ((digest: Digest) => readonly string[]) => {
  const known = store.images.list().flatMap((image) => {
    if (image.repository === undefined) return []
    const home = parseReference(image.repository)
    return home.domain === domain && home.path !== path ? [{ path: home.path, digests: new Set(store.images.reach(image)) }] : []
  })
  return (digest) => [...new Set(known.filter(({ digests }) => digests.has(digest)).map((image) => image.path))]
}

const sameRepository = (store: Store, text: string): readonly string[] => {
  const { domain, path } = parseReference(text)
  return store.images.list().flatMap(({ name }) => {
    if (name === undefined) return []
    const reference = parseReference(name)
    return reference.domain === domain && reference.path === path && reference.tag !== undefined ? [name] : []
  })
}

interface Job {
  readonly image: string
  /** As the user knows it. */
  readonly shown: string
  readonly open: () => ImageTarget
}

const registryJob = (image: string, reference: Reference, registries: RegistryAccess, store: Store): Job => {
  if (reference.digest !== undefined) throw new UsageError(`${canonical(reference)}: an image is pushed to a tag: leave out the digest`)
  return { image, shown: canonical(reference), open: () => registries.target(reference, mountsFor(store, reference)) }
}

const FORMATS = { oci: 'oci-dir', dir: 'docker-dir', 'oci-archive': 'oci-archive', 'docker-archive': 'docker-archive' } as const

/** Where it goes: a registry, or an archive or folder as `openSource` reads it. */
const jobTo = (image: string, destination: string, registries: RegistryAccess, store: Store): Job => {
  const location = parseTransport(destination)
  if (location === undefined || location.transport === 'docker') return registryJob(image, pushReference(destination), registries, store)
  const { transport, path, image: name } = location
  const names = name === undefined ? [] : [canonical(parseReference(name))]
  return {
    image,
    shown: destination,
    open: () => {
      const writer = openWriter(path, { format: FORMATS[transport], temporary: store.root })
      const target = writer.image(names)
      return {
        name: destination,
        hasBlob: (descriptor, options) => target.hasBlob(descriptor, options),
        putBlob: (descriptor, open, options) => target.putBlob(descriptor, open, options),
        putDocument: (document, named, options) => target.putDocument(document, named, options),
        commit: async () => {
          await target.commit()
          await writer.commit()
        },
        close: async () => {
          await target.close()
          await writer.close()
        },
      }
    },
  }
}

const push = async ({ image, shown, open }: Job, quiet: boolean, store: Store, context: Context): Promise<void> => {
  const progress = openProgress({ quiet, env: process.env })
  try {
    progress.note(`Pushing ${shown}`)
    const copied = await pushImage(store, image, open(), { signal: context.signal, onProgress: showCopy(progress, 'pushing', 'pushed') })
    progress.end()
    print(quiet ? `${shown}\n` : `${shown}: digest: ${copied.digest} size: ${copied.size}\n`)
  } finally {
    progress.end()
  }
}

export const command = defineCommand({
  name: 'push',
  aliases: ['image push'],
  heading: 'Registries',
  summary: 'send an image to a registry',
  operands: 'IMAGE [DESTINATION]',
  count: [1, 2],
  description: `Sends what the registry does not have of an image, and gives it the tag. DESTINATION is a name, or oci:DIR, oci-archive:FILE,
docker-archive:FILE or dir:DIR; without it the image goes to the registry of its name. Blobs that another repository of the registry has are
mounted from there.`,
  flags: {
    'all-tags': { type: 'boolean', short: 'a', help: 'send all images of the repository that IMAGE names' },
    quiet: { type: 'boolean', short: 'q', help: 'no progress' },
    ...REGISTRY_FLAGS,
  },
  async run({ flags, args: [text = '', destination], context }) {
    const store = readStore(context)
    const registries = openRegistries(flags, context)
    const quiet = flags.quiet ?? false
    if (flags['all-tags']) {
      if (destination !== undefined) throw new UsageError('--all-tags and DESTINATION: one of them')
      if (parseReference(text).tag !== 'latest' || /:latest$/.test(text))
        throw new UsageError(`--all-tags: a repository without tag is wanted, not ${text}`)
      const names = sameRepository(store, text)
      if (names.length === 0) throw new WherryError('not-found', `no image of ${text} is in the store`)
      for (const name of names) await push(registryJob(name, parseReference(name), registries, store), quiet, store, context)
      return 0
    }
    const image = findImage(store, text)
    if (destination === undefined && image.name === undefined)
      throw new UsageError(`image ${text} has no name: say where it is to go: wherry push ${text} DESTINATION`)
    // by a name that is given, and else by that of the image
    await push(jobTo(text, destination ?? namedAs(text, image.name!), registries, store), quiet, store, context)
    return 0
  },
})

/** An id stands for no place to push to. */
const namedAs = (text: string, name: string): string => {
  try {
    return canonical(parseReference(text)) === name ? text : name
  } catch (error) {
    if (error instanceof WherryError) return name
    throw error
  }
}
