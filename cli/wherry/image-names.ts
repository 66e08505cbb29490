/** How images are called in lists and messages. */
import type { Digest } from '../../image/digest.ts'
import { encodedOf } from '../../image/digest.ts'
import { familiar, familiarRepository, parseReference } from '../../image/reference.ts'
import type { StoredImage } from '../../image/store/store.ts'

export const NONE = '<none>'

const SHORT = 12

/** The twelve digits that people know an image by. */
export const shortId = (digest: Digest): string => encodedOf(digest).slice(0, SHORT)

export interface ShownName {
  /** `alpine`, `localhost:5000/app`, `<none>` */
  readonly repository: string
  /** `<none>` also where the image is known by its digest. */
  readonly tag: string
}

export const shownName = ({ name, repository }: StoredImage): ShownName => {
  if (name === undefined) return { repository: repository === undefined ? NONE : familiarRepository(parseReference(repository)), tag: NONE }
  const reference = parseReference(name)
  return { repository: familiarRepository(reference), tag: reference.tag ?? NONE }
}

/** `alpine:3.19`, of a canonical reference. */
export const familiarName = (name: string): string => familiar(parseReference(name))

/** `alpine@sha256:…`: what the registry calls it; none for an image that came from elsewhere. */
export const repoDigest = ({ name, repository, digest }: StoredImage): string | undefined => {
  const home = repository ?? name
  return home === undefined ? undefined : `${familiarRepository(parseReference(home))}@${digest}`
}
