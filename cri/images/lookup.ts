/** The images of the store as CRI has them: one for each id, with all its names. */
import { type Digest, encodedOf } from '../../image/digest.ts'
import { canonical, isImageId, isQualified, parseReference, type Reference, repository, withDigest } from '../../image/reference.ts'
import { candidatesFor, readRegistries } from '../../image/settings/registries.ts'
import type { Store, StoredImage } from '../../image/store/types.ts'
import { InvalidField, WherryError } from '../../runtime/errors.ts'

export interface ImageGroup {
  readonly id: Digest
  /** At least one: its entries in the store. */
  readonly entries: readonly StoredImage[]
}

/** Digits of a shortened id; shorter ones might be somebody’s name for an image. */
const SHORTEST_ID = 12
const ID = new RegExp(`^(?:sha256:)?([0-9a-f]{${SHORTEST_ID},64})$`)

/** Those that are for this machine, and whose documents are there. */
export const groupsOf = (store: Store): ImageGroup[] => {
  const groups = new Map<Digest, StoredImage[]>()
  for (const image of store.images.list()) {
    if (image.id === undefined) continue
    const group = groups.get(image.id)
    if (group === undefined) groups.set(image.id, [image])
    else group.push(image)
  }
  return [...groups].map(([id, entries]) => ({ id, entries }))
}

/** What a name may stand for, in the order to look. Throws `invalid-argument` for what is no name. */
export const candidatesOf = (text: string): readonly Reference[] => {
  if (text === '') throw new InvalidField('image.image', 'a reference or id of an image is wanted')
  if (isImageId(text)) return []
  return isQualified(text) ? [parseReference(text)] : candidatesFor(text, readRegistries())
}

const isNamed = ({ name, repository: home, digest, descriptor }: StoredImage, reference: Reference): boolean => {
  if (reference.digest === undefined) return name === canonical(reference)
  // the digest says more than a tag beside it
  if (name === canonical(withDigest(reference, reference.digest))) return true
  return home === repository(reference) && (digest === reference.digest || descriptor.digest === reference.digest)
}

export interface FoundImage extends ImageGroup {
  /** The entry that the text names; absent for an id. */
  readonly entry?: StoredImage
}

const byId = (groups: readonly ImageGroup[], text: string): ImageGroup | undefined => {
  const digits = ID.exec(text)?.[1]
  if (digits === undefined) return undefined
  const [found, ...others] = groups.filter(({ id }) => encodedOf(id).startsWith(digits))
  if (others.length > 0)
    throw new WherryError('invalid-argument', `image ${text} is ambiguous: ${[found!, ...others].map(({ id }) => id).join(', ')}`)
  return found
}

/** By a name in any spelling, `repository@digest`, an id or the beginning of one. Throws `invalid-argument`. */
export const findGroup = (groups: readonly ImageGroup[], text: string): FoundImage | undefined => {
  // what can only be an id is not asked to be a name
  const references = text.startsWith('sha256:') ? [] : candidatesOf(text)
  for (const reference of references)
    for (const group of groups) {
      const entry = group.entries.find((image) => isNamed(image, reference))
      if (entry !== undefined) return { ...group, entry }
    }
  return byId(groups, text)
}
