/** index.json: whether it can be read, and how it is made again. */
import type { Digest } from '../../digest.ts'
import { LARGEST_DOCUMENT } from '../../spec/json.ts'
import { isIndexType, isManifestType, OCI_INDEX } from '../../spec/media-types.ts'
import type { Descriptor } from '../../spec/types.ts'
import { withLock } from '../flock.ts'
import { nameOf, settle } from '../image-entry.ts'
import {
  entryOf,
  type IndexEntry,
  parseIndexFile,
  previousPath,
  readIndexFile,
  readIndexText,
  RESOLVED,
  writeIndexFile,
} from '../index-file.ts'
import { descriptorFromJson, isObject, parseObject, stringIn } from '../json.ts'
import { lockPath } from '../layout.ts'
import { found } from '../listing.ts'
import type { Parts } from '../parts.ts'
import { moveAway } from '../trash.ts'
import type { Report } from './findings.ts'

/** The descriptors in a text that is no JSON any more: cut short, or with bytes changed. */
export const salvage = (text: string): IndexEntry[] => {
  const entries: IndexEntry[] = []
  for (let at = text.indexOf('{', 1); at >= 0; ) {
    const { end, open } = endOfObject(text, at)
    const json = parseObject(text.slice(at, end) + '}'.repeat(open))
    const descriptor = json === undefined ? undefined : descriptorFromJson(json)
    if (json !== undefined && descriptor !== undefined) entries.push({ json, descriptor })
    at = text.indexOf('{', json === undefined ? at + 1 : end)
  }
  return entries
}

/** Characters; no entry is longer. */
const LONGEST_ENTRY = 64 * 1024

/** Index behind the brace that closes the one at `start`, or the end of the text and how many braces are open there. */
const endOfObject = (text: string, start: number): { readonly end: number; readonly open: number } => {
  let open = 0
  let quoted = false
  const last = Math.min(text.length, start + LONGEST_ENTRY)
  for (let at = start; at < last; at++) {
    const character = text[at]
    if (quoted && character === '\\') at++
    else if (character === '"') quoted = !quoted
    else if (!quoted && character === '{') open++
    else if (!quoted && character === '}' && --open === 0) return { end: at + 1, open }
  }
  return { end: last, open }
}

/** Manifests and indexes among the blobs. */
const documents = ({ layout, blobs }: Parts): Descriptor[] =>
  found(layout, 'blobs').flatMap(({ digest, stat }) => {
    if (digest === undefined || !stat.isFile() || stat.size > LARGEST_DOCUMENT) return []
    let json: ReturnType<typeof parseObject>
    try {
      json = parseObject(Buffer.from(blobs.read(digest)).toString('utf8'))
    } catch {
      // damaged ones are found and told of by the check of the blobs
      return []
    }
    const mediaType = json === undefined ? undefined : stringIn(json, 'mediaType')
    const guessed = isObject(json?.['config']) && Array.isArray(json['layers']) ? 'application/vnd.oci.image.manifest.v1+json' : undefined
    const type = mediaType ?? guessed ?? (Array.isArray(json?.['manifests']) ? OCI_INDEX : undefined)
    return type !== undefined && (isManifestType(type) || isIndexType(type)) ? [{ mediaType: type, digest, size: stat.size }] : []
  })

/** Entries from what is left of the file, from its last version for names that are missing, and from the blobs without a name. */
const rebuild = (parts: Parts, text: string): IndexEntry[] => {
  const previous = parseIndexFile(readIndexText(parts.layout, previousPath(parts.layout)))?.entries ?? []
  const saved = salvage(text)
  const names = new Set(saved.map(nameOf))
  const entries = [...previous.filter((entry) => !names.has(nameOf(entry)) && entry.descriptor !== undefined), ...saved]
  const known = new Set<Digest>()
  for (const { descriptor } of entries)
    if (descriptor !== undefined) for (const reached of parts.references.walk(descriptor)) known.add(reached.descriptor.digest)
  const all = documents(parts)
  const indexes = all.filter(({ mediaType }) => isIndexType(mediaType))
  const nameless = all
    .filter(({ digest, mediaType }) => isManifestType(mediaType) && !known.has(digest))
    .map((descriptor) => {
      const parent = indexes.find((index) =>
        parts.references.children(index).some((child) => child.descriptor.digest === descriptor.digest),
      )
      return entryOf(descriptor, { [RESOLVED]: parent?.digest })
    })
  return settle([...entries, ...nameless])
}

/** Of the entries, those that can be used. */
export const checkIndexFile = async (parts: Parts, report: Report): Promise<void> => {
  const { layout } = parts
  const path = `${layout.root}/index.json`
  const text = readIndexText(layout)
  const index = parseIndexFile(text)
  if (index === undefined) {
    await report.mend({ kind: 'index', problem: `${path} is damaged`, names: [] }, () =>
      withLock(lockPath(layout, 'gc'), 'shared', () =>
        withLock(lockPath(layout, 'index'), 'exclusive', async () => {
          const damaged = readIndexText(layout)
          const entries = rebuild(parts, damaged)
          moveAway(layout, path)
          await writeIndexFile(layout, { json: parseIndexFile(damaged)?.json ?? { schemaVersion: 2, mediaType: OCI_INDEX }, entries })
          return 'rebuilt' as const
        }),
      ),
    )
    return
  }
  const broken = index.entries.filter(({ descriptor }) => descriptor === undefined)
  for (const { json } of broken) {
    const problem = `${path}: an entry is no descriptor: ${String(JSON.stringify(json)).slice(0, 200)}`
    await report.mend({ kind: 'entry', problem, names: [] }, () =>
      withLock(lockPath(layout, 'index'), 'exclusive', async () => {
        const now = readIndexFile(layout)
        await writeIndexFile(layout, { json: now.json, entries: now.entries.filter(({ descriptor }) => descriptor !== undefined) })
        return 'removed' as const
      }),
    )
  }
}
