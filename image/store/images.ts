/**
 * Images by name: the entries of index.json.
 *
 * A change reads, changes and writes it with locks/index held, for as long as two fsyncs take, and with locks/gc held shared: what an
 * entry refers to cannot be collected between the look whether it is there and the entry’s being written.
 */
import { WherryError } from '../../runtime/errors.ts'
import type { Digest } from '../digest.ts'
import { digestFromJson } from './json.ts'
import type { Descriptor } from '../spec/types.ts'
import { guard, guardAsync } from './errors.ts'
import { withLock } from './flock.ts'
import { canonicalName, dangling, imageOf, nameOf, repositoryOf, settle } from './image-entry.ts'
import { entryOf, type IndexEntry, PULLED, readIndexFile, REF_NAME, REPOSITORY, RESOLVED, writeIndexFile } from './index-file.ts'
import { keptLeases } from './leases.ts'
import { type Layout, lockPath, mustWrite } from './layout.ts'
import type { References } from './references.ts'
import { missingFrom, reachOf } from './reach.ts'
import type { Blobs, Images, PutOptions, Removed, RemoveOptions, StoredImage } from './types.ts'

const short = (digest: Digest): string => digest.slice(digest.indexOf(':') + 1).slice(0, 12)
const shown = ({ name, id, descriptor }: StoredImage): string => `${short(id ?? descriptor.digest)} (${name ?? '<none>'})`

export const makeImages = (layout: Layout, blobs: Blobs, references: References): Images => {
  const of = (entry: IndexEntry): StoredImage | undefined => imageOf(entry, blobs, references)

  const entriesNow = (): IndexEntry[] => guard(`store ${layout.root}: reading index.json`, () => settle(readIndexFile(layout).entries))
  const imagesOf = (entries: readonly IndexEntry[]): StoredImage[] => entries.map(of).filter((image) => image !== undefined)

  const change = <T>(
    doing: string,
    work: (entries: readonly IndexEntry[]) => { readonly entries?: readonly IndexEntry[]; readonly result: T },
  ): Promise<T> => {
    mustWrite(layout)
    return guardAsync(`store ${layout.root}: ${doing}`, () =>
      withLock(lockPath(layout, 'gc'), 'shared', () =>
        withLock(lockPath(layout, 'index'), 'exclusive', async () => {
          const { json, entries: before } = readIndexFile(layout)
          const { entries, result } = work(settle(before))
          if (entries !== undefined) await writeIndexFile(layout, { json, entries })
          return result
        }),
      ),
    )
  }

  /** By a name written in full or short. */
  const named = (images: readonly StoredImage[], text: string): StoredImage | undefined => {
    const name = canonicalName(text)
    return images.find((image) => image.name === name)
  }

  const byDigest = (images: readonly StoredImage[], text: string): StoredImage | undefined => {
    const at = text.indexOf('@')
    const digest = at < 0 ? undefined : digestFromJson(text.slice(at + 1))
    if (digest === undefined) return undefined
    const home = repositoryOf(text)
    return images.findLast((image) => image.repository === home && (image.digest === digest || image.descriptor.digest === digest))
  }

  const byId = (images: readonly StoredImage[], text: string): StoredImage[] => {
    const prefix = /^(?:sha256:)?([0-9a-f]{1,64})$/.exec(text)?.[1] ?? /^(sha512:[0-9a-f]{1,128})$/.exec(text)?.[1]
    if (prefix === undefined) return []
    const begins = (digest: Digest | undefined): boolean =>
      digest !== undefined && (digest.startsWith(prefix) || digest.startsWith(`sha256:${prefix}`))
    return images.filter(({ id, descriptor, digest }) => begins(id) || descriptor.digest === text || digest === text)
  }

  const findIn = (images: readonly StoredImage[], text: string): StoredImage | undefined => {
    const exact = named(images, text) ?? byDigest(images, text)
    if (exact !== undefined) return exact
    const found = byId(images, text)
    const candidates = new Map(found.map((image) => [image.id ?? image.descriptor.digest, image]))
    if (candidates.size > 1)
      throw new WherryError(
        'invalid-argument',
        `image ${text} is ambiguous: ${[...candidates.values()].map(shown).join(', ')}; write more of the id`,
      )
    return found[0]
  }

  /** The entries without `gone`, and what has gone with them. */
  const without = (before: readonly IndexEntry[], gone: ReadonlySet<IndexEntry>): { entries: IndexEntry[]; removed: Removed } => {
    const entries = before.filter((entry) => !gone.has(entry))
    const left = imagesOf(entries)
    const lost = imagesOf([...gone])
    const ids = new Set(left.map(({ id }) => id))
    return {
      entries,
      removed: {
        untagged: lost.flatMap(({ name }) => (name === undefined ? [] : [name])),
        deleted: [...new Set(lost.flatMap(({ id }) => (id === undefined || ids.has(id) ? [] : [id])))],
        released: new Set(lost.flatMap((image) => reachOf(image, references))),
      },
    }
  }

  return {
    list: () => imagesOf(entriesNow()),

    find(text) {
      const entries = entriesNow()
      // most often it is a name: then the documents of the others need not be read
      const name = canonicalName(text)
      const exact = entries.find((entry) => nameOf(entry) === name)
      return (exact === undefined ? undefined : of(exact)) ?? findIn(imagesOf(entries), text)
    },

    reach: (image) => reachOf(image, references),

    put: (name, descriptor, options = {}) =>
      change(`naming image ${name ?? descriptor.digest}`, (before) => {
        const missing = missingFrom(descriptor, blobs, references)
        if (missing.length > 0)
          throw new WherryError(
            'failed-precondition',
            `store ${layout.root}: image ${name ?? descriptor.digest} lacks ${missing.map(({ digest }) => digest).join(', ')}: pull it again`,
          )
        const { entries, added } = place(before, name, descriptor, options)
        const result = of(added)
        if (result === undefined) throw new WherryError('invalid-argument', `${descriptor.digest}: ${descriptor.mediaType} is no image`)
        return { entries, result }
      }),

    remove: (text, { force = false }: RemoveOptions = {}) =>
      change(`removing image ${text}`, (before) => {
        const images = new Map(before.flatMap((entry) => [[entry, of(entry)] as const]))
        const all = [...images.values()].filter((image) => image !== undefined)
        const image = findIn(all, text)
        if (image === undefined) throw new WherryError('not-found', `image ${text} is not in the store: \`wherry images\` lists what is`)
        const siblings = all.filter((other) => (image.id === undefined ? other === image : other.id === image.id))
        const byName = named(all, text) !== undefined || byDigest(all, text) !== undefined
        const chosen = byName ? [image] : siblings
        const names = chosen.flatMap(({ name }) => (name === undefined ? [] : [name]))
        if (names.length > 1 && !force)
          throw new WherryError(
            'failed-precondition',
            `image ${text} has ${names.length} names: ${names.join(', ')}; remove them, or use --force`,
          )
        if (!force && chosen.length === siblings.length) refuseUsed(chosen)
        const gone = new Set([...images].filter(([, other]) => other !== undefined && chosen.includes(other)).map(([entry]) => entry))
        const { entries, removed } = without(before, gone)
        return { entries, result: removed }
      }),

    prune: ({ all = false } = {}) =>
      change('pruning images', (before) => {
        const used = new Set(keptLeases(layout).flatMap(({ digests }) => digests))
        const gone = before.filter((entry) => {
          const image = of(entry)
          return image !== undefined && (all || image.name === undefined) && !used.has((image.manifest ?? image.descriptor).digest)
        })
        if (gone.length === 0) return { result: { untagged: [], deleted: [], released: new Set<Digest>() } }
        const { entries, removed } = without(before, new Set(gone))
        return { entries, result: removed }
      }),
  }

  function refuseUsed(images: readonly StoredImage[]): void {
    const manifests = new Set(images.map(({ manifest, descriptor }) => (manifest ?? descriptor).digest))
    const owners = keptLeases(layout).filter(({ digests }) => digests.some((digest) => manifests.has(digest)))
    if (owners.length > 0)
      throw new WherryError(
        'failed-precondition',
        `image ${shown(images[0]!)} is used by ${owners.map(({ owner }) => owner).join(', ')}: remove what uses it first, or use --force`,
      )
  }
}

/** The entries with the name at this descriptor. Whatever else had the name is dangling; what dangled of this image has a name again. */
const place = (
  entries: readonly IndexEntry[],
  name: string | undefined,
  descriptor: Descriptor,
  { digest = descriptor.digest, pulled = new Date() }: PutOptions,
): { entries: IndexEntry[]; added: IndexEntry } => {
  const own = entries.filter(({ descriptor: other }) => other?.digest === descriptor.digest && other.mediaType === descriptor.mediaType)
  // the one that becomes the new entry, so that it keeps its place
  const before = own.find((entry) => nameOf(entry) === name) ?? own.find((entry) => nameOf(entry) === undefined)
  const home = name === undefined ? before?.descriptor?.annotations?.[REPOSITORY] : undefined
  const annotations = { [REF_NAME]: name, [RESOLVED]: digest, [PULLED]: pulled.toISOString(), [REPOSITORY]: home }
  const added = entryOf(descriptor, annotations, before)
  const hasOtherName = ({ descriptor: other }: IndexEntry): boolean =>
    entries.some((entry) => entry.descriptor?.digest === other?.digest && ![name, undefined].includes(nameOf(entry)))
  const rest = entries.flatMap((entry) => {
    if (entry === before) return [added]
    if (name === undefined || nameOf(entry) !== name) return [entry]
    return hasOtherName(entry) ? [] : [dangling(entry)]
  })
  return { entries: before === undefined ? [...rest, added] : rest, added }
}
