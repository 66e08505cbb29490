/** An archive or folder with images in it, whatever its format. */
import type { ImageSource } from '../source.ts'
import { WherryError } from '../../runtime/errors.ts'
import { shown } from '../layer/bytes.ts'
import { canonical, parseReference } from '../reference.ts'

export interface ArchivedImage {
  /** Canonical references that the archive has for it; none: it has to be named, or stays `<none>`. */
  readonly names: readonly string[]
  /** How the archive calls it, for choosing: names as they stand, or nothing. */
  readonly labels: readonly string[]
  /** Its place in the archive, from 0. */
  readonly index: number
  /** Reads through the archive, which must stay open; closing it does nothing. */
  source(): ImageSource
}

export interface Archive {
  /** As messages name it: `oci-archive:/tmp/x.tar`. */
  readonly name: string
  readonly format: 'oci-archive' | 'oci-dir' | 'docker-archive' | 'docker-dir'
  readonly images: readonly ArchivedImage[]
  /** Idempotent. */
  close(): void
}

/** The canonical reference of a name in an archive; undefined for what is no name of an image (`latest` alone is a tag). */
export const nameOf = (text: string): string | undefined => {
  if (!/[:/]/.test(text)) return undefined
  try {
    return canonical(parseReference(text))
  } catch (error) {
    if (error instanceof WherryError && error.kind === 'invalid-argument') return undefined
    throw error
  }
}

const describe = ({ labels, index }: ArchivedImage): string =>
  labels.length === 0 ? `@${index} (without a name)` : labels.map(shown).join(', ')

const MOST_CANDIDATES = 20

const candidates = (images: readonly ArchivedImage[]): string =>
  images.slice(0, MOST_CANDIDATES).map(describe).join('; ') + (images.length > MOST_CANDIDATES ? ` … (${images.length} in all)` : '')

/** `wanted`: a name as it stands, a reference, `@n`; without it there must be one image only. Throws `not-found`, `invalid-argument`. */
export const chooseImage = ({ name, images }: Archive, wanted: string | undefined): ArchivedImage => {
  if (images.length === 0) throw new WherryError('not-found', `${name}: there is no image in it`)
  if (wanted === undefined) {
    if (images.length === 1) return images[0]!
    throw new WherryError('invalid-argument', `${name}: has ${images.length} images, say which one behind a colon: ${candidates(images)}`)
  }
  const place = /^@(\d+)$/.exec(wanted)?.[1]
  if (place !== undefined) {
    const image = images[Number(place)]
    if (image !== undefined) return image
    throw new WherryError('not-found', `${name}: has ${images.length} images, counted from @0: there is no ${wanted}`)
  }
  const plain = images.filter(({ labels }) => labels.includes(wanted))
  const full = nameOf(wanted) ?? nameOf(`${wanted}:latest`)
  const found = plain.length > 0 ? plain : images.filter(({ names }) => full !== undefined && names.includes(full))
  if (found.length === 1) return found[0]!
  throw new WherryError(
    found.length === 0 ? 'not-found' : 'invalid-argument',
    `${name}: has ${found.length === 0 ? 'no' : `${found.length} images`} ${shown(wanted)}; there is: ${candidates(images)}`,
  )
}
