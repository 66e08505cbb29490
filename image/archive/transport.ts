/** Where an image is, as containers-transports(5) writes it: `oci:DIR:REF`, `docker-archive:FILE:@1`, `docker://REF`. */
import { WherryError } from '../../runtime/errors.ts'
import { shown } from '../layer/bytes.ts'

export type Transport = 'oci' | 'dir' | 'docker-archive' | 'oci-archive' | 'docker'

export interface Location {
  readonly transport: Transport
  /** Of `docker`: the reference. Of the others: a path. */
  readonly path: string
  /** Which image of the archive or folder: a name, or `@n`. */
  readonly image?: string
}

const ABSENT: Readonly<Record<string, string>> = {
  'containers-storage': 'save the image with podman save and use oci-archive:FILE',
  'docker-daemon': 'save the image with docker save and use docker-archive:FILE',
  ostree: 'copy the image with skopeo to oci:DIR',
  sif: 'copy the image with skopeo to oci:DIR',
  tarball: 'use wherry image import',
}

/** Undefined for what is an image’s name and nothing else. Throws `unsupported`, `invalid-argument`. */
export const parseTransport = (text: string): Location | undefined => {
  const colon = text.indexOf(':')
  const transport = text.slice(0, Math.max(colon, 0))
  const rest = text.slice(colon + 1)
  if (Object.hasOwn(ABSENT, transport))
    throw new WherryError('unsupported', `${shown(text)}: transport ${transport} is not supported: ${ABSENT[transport]}`)
  if (transport === 'docker' && rest.startsWith('//')) return { transport, path: rest.slice(2) }
  if (transport === 'dir') return { transport, path: mustHavePath(rest, text) }
  if (transport !== 'oci' && transport !== 'docker-archive' && transport !== 'oci-archive') return undefined
  const split = rest.indexOf(':')
  if (split < 0) return { transport, path: mustHavePath(rest, text) }
  const image = rest.slice(split + 1)
  if (image === '') throw new WherryError('invalid-argument', `${shown(text)}: the name behind the last colon is empty`)
  return { transport, path: mustHavePath(rest.slice(0, split), text), image }
}

const mustHavePath = (path: string, text: string): string => {
  if (path === '') throw new WherryError('invalid-argument', `${shown(text)}: a path is wanted behind the colon`)
  return path
}
