import { openSource } from '../../image/archive/open-source.ts'
import { parseTransport } from '../../image/archive/transport.ts'
import type { PulledImage } from '../../image/pull/types.ts'
import { canonical, familiar, parseName, parseReference, type Reference, withTag } from '../../image/reference.ts'
import { parsePlatform } from '../../image/spec/platform.ts'
import type { Store } from '../../image/store/store.ts'
import { WherryError } from '../../runtime/errors.ts'
import { describe } from '../support/describe.ts'
import { forEach } from '../support/each.ts'
import type { Values } from '../support/flags.ts'
import { print } from '../support/output.ts'
import { UsageError } from '../support/parse.ts'
import { openProgress, type Progress } from '../support/progress/progress.ts'
import { bring, type BringOptions } from './bring.ts'
import { type Context, defineCommand } from './context.ts'
import { chosenLimits, LIMIT_FLAG } from './limits.ts'
import { openRegistries, type RegistryAccess } from './registry-access.ts'
import { REGISTRY_FLAGS } from './registry-flags.ts'
import { changeStore } from './store.ts'

const FLAGS = {
  'all-tags': { type: 'boolean', short: 'a', help: 'pull all tags of the repository' },
  platform: { type: 'string', value: 'OS/ARCH[/VARIANT]', help: 'pull the image for another platform (default: this machine)' },
  quiet: { type: 'boolean', short: 'q', help: 'only print the digest' },
  ...LIMIT_FLAG,
  ...REGISTRY_FLAGS,
} as const

type PullFlags = Values<typeof FLAGS>

interface Pulling extends Omit<BringOptions, 'reference' | 'progress'> {
  readonly store: Store
  readonly registries: RegistryAccess
  readonly quiet: boolean
}

const told = (name: string, { digest, fresh }: PulledImage, progress: Progress): void => {
  progress.note(`Digest: ${digest}`)
  progress.note(`Status: ${fresh ? 'Downloaded newer image' : 'Image is up to date'} for ${name}`)
}

/** @param shown as the user knows it */
const pullOne = async (
  shown: string,
  open: () => Promise<{ readonly source: Parameters<typeof bring>[0]; readonly reference?: Reference }>,
  pulling: Pulling,
): Promise<void> => {
  const { store, quiet, registries: _, ...options } = pulling
  const progress = openProgress({ quiet, env: process.env })
  try {
    progress.note(`Pulling ${shown}`)
    const { source, ...reference } = await open()
    try {
      const image = await bring(source, store, { ...options, ...reference, progress })
      progress.end()
      told(shown, image, progress)
      print(`${quiet ? image.digest : (image.name ?? image.id)}\n`)
    } finally {
      await source.close()
    }
  } finally {
    progress.end()
  }
}

const fromRegistry = (reference: Reference, pulling: Pulling): Promise<void> =>
  pullOne(familiar(reference), async () => ({ source: pulling.registries.source(reference), reference }), pulling)

/** What may be elsewhere; an image that is refused or broken is not looked for in another place. */
const isMissing = (error: unknown): error is WherryError =>
  error instanceof WherryError && (error.kind === 'not-found' || error.kind === 'unavailable')

/** A short name may be one of several: the first that there is. */
const fromCandidates = async (text: string, pulling: Pulling): Promise<void> => {
  const candidates = pulling.registries.candidates(text)
  const problems: string[] = []
  for (const reference of candidates) {
    try {
      return await fromRegistry(reference, pulling)
    } catch (error) {
      if (!isMissing(error) || candidates.length === 1) throw error
      problems.push(describe(error))
    }
  }
  throw new WherryError('not-found', `${text}: is in none of ${candidates.map(canonical).join(', ')}: ${problems.join('; ')}`)
}

const fromElsewhere = (text: string, pulling: Pulling): Promise<void> =>
  pullOne(
    text,
    async () => {
      const { store, registries, signal } = pulling
      const { source, names } = await openSource(text, {
        temporary: store.root,
        signal,
        registry: (reference) => registries.source(reference),
      })
      const [name] = names
      return { source, ...(name === undefined ? {} : { reference: parseReference(name) }) }
    },
    pulling,
  )

const pullAllTags = async (text: string, pulling: Pulling, context: Context): Promise<number> => {
  const name = parseName(text.replace(/^docker:\/\//, ''))
  if (name.tag !== undefined || name.digest !== undefined)
    throw new UsageError(`--all-tags: a repository without tag and digest is wanted, not ${text}`)
  const tags = await pulling.registries.tags(name, context.signal)
  if (tags.length === 0) throw new WherryError('not-found', `${text}: there are no tags`)
  return forEach(context.name, [...tags], (tag) => fromRegistry(withTag(name, tag), pulling))
}

export const command = defineCommand({
  name: 'pull',
  aliases: ['image pull'],
  heading: 'Registries',
  summary: 'get an image from a registry',
  operands: 'IMAGE [IMAGE...]',
  count: [1, Number.POSITIVE_INFINITY],
  description: `Brings an image into the store: its manifest for this machine, config and layers, which are unpacked as they come. What is there is not
fetched; what a pull that was broken off has fetched is gone on with.

IMAGE is a name with a tag (latest, if none is given) or digest, of docker.io if it names no registry; or oci:DIR[:NAME], oci-archive:FILE[:NAME],
docker-archive:FILE[:NAME], dir:DIR.`,
  flags: FLAGS,
  async run({ flags, args, context }) {
    const given = flags as PullFlags
    const limits = chosenLimits(context.settings, given.limit)
    const platform = given.platform === undefined ? {} : { platform: parsePlatform(given.platform) }
    const store = await changeStore(context)
    const pulling: Pulling = {
      store,
      registries: openRegistries(given, context, limits),
      limits,
      quiet: given.quiet ?? false,
      signal: context.signal,
      ...platform,
    }
    return forEach(context.name, args, async (text) => {
      if (given['all-tags']) {
        const status = await pullAllTags(text, pulling, context)
        if (status !== 0) throw new WherryError('unavailable', `${text}: not all tags were pulled`)
      } else if (parseTransport(text) === undefined) await fromCandidates(text, pulling)
      else await fromElsewhere(text, pulling)
    })
  },
})
